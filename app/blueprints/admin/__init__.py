"""Settings, people and the audit trail."""

from flask import Blueprint, render_template

from ...access import requires
from ...navigation import ADMINISTRATION

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.get("/")
@requires(*ADMINISTRATION)
def index() -> str:
    return render_template("admin/index.html")


from . import audit, company, dunning, gateways, mails, migrations, people, roles, routes, settings  # noqa: E402, F401  (they hang their routes on bp)
