"""The cash trace: from any record of money, the whole way from the quote's line to the payout's."""

from __future__ import annotations

from flask import Blueprint, render_template

from ..access import Permission, me, requires
from ..queries.trace import page
from ..queries.trace.views import TracePage

bp = Blueprint("trace", __name__, url_prefix="/trace")


@bp.get("/quotes/<number>")
@requires(Permission.QUOTE_VIEW)
def quote(number: str) -> str:
    return _shown(page.of_quote(number, me()))


@bp.get("/orders/<number>")
@requires(Permission.ORDER_VIEW)
def order(number: str) -> str:
    return _shown(page.of_order(number, me()))


@bp.get("/invoices/<number>")
@requires(Permission.INVOICE_VIEW)
def invoice(number: str) -> str:
    return _shown(page.of_invoice(number, me()))


@bp.get("/payments/<number>")
@requires(Permission.PAYMENT_VIEW)
def payment_order(number: str) -> str:
    return _shown(page.of_payment_order(number, me()))


@bp.get("/transactions/<int:transaction_id>")
@requires(Permission.PAYMENT_VIEW)
def transaction(transaction_id: int) -> str:
    return _shown(page.of_transaction(transaction_id, me()))


@bp.get("/receipts/<number>")
@requires(Permission.PAYMENT_VIEW)
def receipt(number: str) -> str:
    return _shown(page.of_receipt(number, me()))


@bp.get("/settlement-lines/<int:line_id>")
@requires(Permission.SETTLEMENT_VIEW)
def settlement_line(line_id: int) -> str:
    return _shown(page.of_settlement_line(line_id, me()))


def _shown(found: TracePage) -> str:
    return render_template("trace/show.html", page=found)
