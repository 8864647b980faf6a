"""What gateways kept, by month and brand."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _

from ...access import Permission, requires
from ...queries.reports import drawing
from ...queries.reports import fees as report
from ...spreadsheet import download
from . import bp
from .pages import page, wanted


@bp.get("/fees")
@requires(Permission.REPORT_VIEW)
def fees() -> str:
    asked = wanted()
    rows = report.view(asked)
    title = _("Fees by card brand, %(currency)s", currency=asked.currency)
    chart = drawing.monthly("fees", title, asked, rows, name=lambda r: r.brand, amount=lambda r: r.fees)
    return page("reports/fees.html", asked, rows=rows, chart=chart)


@bp.get("/fees.csv")
@requires(Permission.REPORT_VIEW)
def fees_file() -> Response:
    asked = wanted()
    head = [_("Month"), _("Brand"), _("Currency"), _("Charges"), _("Volume"), _("Fees"), _("Rate in %")]
    rows = ([str(r.month), r.brand, asked.currency, r.charges, r.volume, r.fees, r.rate] for r in report.view(asked))
    return download("fees.csv", head, rows)
