"""The month's journal for the accounts: its sums on the page, its entries as a file."""

from __future__ import annotations

from flask import Response, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from ... import settings
from ...access import Permission, requires
from ...navigation import company
from ...queries.months import Month, this
from ...queries.reports import journal
from ...queries.reports.asked import month_name
from ...queries.reports.posting import Ledger
from ...spreadsheet import download
from . import bp

NAMES = {
    Ledger.CLEARING: lazy_gettext("Clearing"),
    Ledger.RECEIVABLES: lazy_gettext("Receivables"),
    Ledger.BANK: lazy_gettext("Bank"),
    Ledger.FEES: lazy_gettext("Fees"),
    Ledger.REFUNDS: lazy_gettext("Refunds"),
    Ledger.DISPUTES: lazy_gettext("Disputes"),
    Ledger.ADJUSTMENTS: lazy_gettext("Adjustments"),
    Ledger.EXCHANGE: lazy_gettext("Exchange"),
    Ledger.REVENUE: lazy_gettext("Revenue"),
    Ledger.TAX: lazy_gettext("Tax"),
    Ledger.LOSSES: lazy_gettext("Losses"),
}


@bp.get("/accounting")
@requires(Permission.REPORT_VIEW)
def accounting() -> str:
    month = _month()
    return render_template(
        "reports/accounting.html",
        month=month,
        month_name=month_name,
        sums=journal.sums(journal.entries(month, company().time_zone)),
        names=NAMES,
        code=_code,
        here="reports.accounting",
        asked=None,
    )


@bp.get("/accounting.csv")
@requires(Permission.REPORT_VIEW)
def accounting_file() -> Response:
    month = _month()
    head = [_("Date"), _("Account"), _("Name"), _("Debit"), _("Credit"), _("Currency"), _("Reference")]
    rows = (
        [e.day, _code(e.account), NAMES[e.account], e.debit, e.credit, e.debit.currency, e.reference]
        for e in journal.entries(month, company().time_zone)
    )
    return download(f"journal-{month}.csv", head, rows)


def _month() -> Month:
    """The one that the address names, or the last whole one: that is what is closed now."""
    return Month.read(request.args.get("month", "")) or this(company().time_zone).plus(-1)


def _code(account: Ledger) -> str:
    return str(settings.get(settings.LEDGER[account]))
