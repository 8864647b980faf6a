"""Reports: what was taken, kept and paid out, month by month; each a chart with its table, and a file."""

from flask import Blueprint, render_template

from ...access import Permission, requires

bp = Blueprint("reports", __name__, url_prefix="/reports")


@bp.get("/")
@requires(Permission.REPORT_VIEW)
def index() -> str:
    return render_template("reports/index.html")


from . import accounting, fees, gateway_mix, payouts  # noqa: E402, F401  (they hang their routes on bp)
