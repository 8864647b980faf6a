"""Which gateways took how much, and how often they declined."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _

from ...access import Permission, requires
from ...queries.reports import drawing
from ...queries.reports import gateway_mix as report
from ...spreadsheet import download
from . import bp
from .pages import page, wanted


@bp.get("/gateway-mix")
@requires(Permission.REPORT_VIEW)
def gateway_mix() -> str:
    asked = wanted()
    rows = report.view(asked)
    title = _("Payments taken by gateway, %(currency)s", currency=asked.currency)
    chart = drawing.monthly("mix", title, asked, rows, name=lambda r: r.gateway, amount=lambda r: r.volume)
    return page("reports/gateway_mix.html", asked, rows=rows, chart=chart)


@bp.get("/gateway-mix.csv")
@requires(Permission.REPORT_VIEW)
def gateway_mix_file() -> Response:
    asked = wanted()
    head = [
        _("Month"),
        _("Gateway"),
        _("Currency"),
        _("Payments"),
        _("Volume"),
        _("Share in %"),
        _("Declines"),
        _("Declined in %"),
    ]
    rows = (
        [str(r.month), r.gateway, asked.currency, r.payments, r.volume, r.share, r.declines, r.decline_rate]
        for r in report.view(asked)
    )
    return download("gateway-mix.csv", head, rows)
