"""What was paid out, by month and gateway; the file has every payout."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _

from ...access import Permission, requires
from ...queries.reports import drawing
from ...queries.reports import payouts as report
from ...spreadsheet import download
from . import bp
from .pages import page, wanted


@bp.get("/payouts")
@requires(Permission.REPORT_VIEW)
def payouts() -> str:
    asked = wanted()
    rows = report.view(asked)
    title = _("Paid out by gateway, %(currency)s", currency=asked.currency)
    chart = drawing.monthly("payouts", title, asked, rows, name=lambda r: r.gateway, amount=lambda r: r.sums.net)
    return page("reports/payouts.html", asked, rows=rows, chart=chart)


@bp.get("/payouts.csv")
@requires(Permission.REPORT_VIEW)
def payouts_file() -> Response:
    asked = wanted()
    head = [
        _("Month"),
        _("Gateway"),
        _("Currency"),
        _("Payouts"),
        _("Charges"),
        _("Refunds"),
        _("Disputes"),
        _("Others"),
        _("Fees"),
        _("Net"),
    ]
    rows = (
        [str(r.month), r.gateway, asked.currency, r.batches]
        + [r.sums.charges, r.sums.refunds, r.sums.disputes, r.sums.others, r.sums.fees, r.sums.net]
        for r in report.view(asked)
    )
    return download("payouts-by-month.csv", head, rows)
