"""What a trace reads: ten statements at most, however long the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.orm import aliased

from ...db import read_columns
from ...models import (
    Allocation,
    Attempt,
    Gateway,
    Invoice,
    InvoiceLine,
    OrderLine,
    PaymentIntent,
    PaymentOrder,
    QuoteLine,
    Receipt,
    SalesOrder,
    SettlementBatch,
    SettlementLine,
    SettlementMatch,
    Transaction,
    WriteOff,
)
from .. import ledger
from ..payments.checkouts import OPENED_BY
from ..settlement import standing

Rows = Sequence[Row[Any]]
INVOICED = (Invoice.currency, Invoice.number, Invoice.deductions, Invoice.prices_include_tax)
PRICED = ("quantity", "unit_price", "discount_percent", "tax_rate")


def of_order(order_id: int) -> Rows:
    """The order's lines, each beside the quote's line that it was converted from."""
    quoted, line = QuoteLine, OrderLine
    from_quote = and_(quoted.quote_id == SalesOrder.quote_id, quoted.position == line.position, quoted.sku == line.sku)
    query = (
        select(
            *(line.id, line.sku, line.description),
            *(getattr(line, name) for name in PRICED),
            quoted.id.label("quote_line_id"),
            *(getattr(quoted, name).label(f"quoted_{name}") for name in PRICED),
        )
        .join(SalesOrder, SalesOrder.id == line.order_id)
        .outerjoin(quoted, from_quote)
        .where(line.order_id == order_id)
    )
    return read_columns(query.order_by(line.position)).all()


def of_quote(quote_id: int) -> Rows:
    line = QuoteLine
    columns = (line.id, line.sku, line.description, *(getattr(line, name) for name in PRICED))
    return read_columns(select(*columns).where(line.quote_id == quote_id).order_by(line.position)).all()


def billed(order_id: int | None, invoice_id: int | None) -> Rows:
    """The lines of the order's invoices, or of the one invoice."""
    line = InvoiceLine
    whose = Invoice.id == invoice_id if invoice_id is not None else Invoice.order_id == order_id
    query = (
        select(line.id, line.order_line_id, line.description, line.amount, *INVOICED)
        .join(Invoice, Invoice.id == line.invoice_id)
        .where(whose, Invoice.number.is_not(None))
    )
    return read_columns(query.order_by(Invoice.id, line.position)).all()


def payment_orders(ids: Sequence[int]) -> Rows:
    own = PaymentOrder
    last = select(func.max(Attempt.id)).where(Attempt.payment_order_id == own.id).correlate(own).scalar_subquery()
    query: Any = (
        select(
            *(own.id, own.number, own.status, own.purpose, own.amount, own.currency),
            *ledger.columns(),
            Attempt.status.label("last_attempt"),
        )
        .outerjoin(Attempt, Attempt.id == last)
        .where(own.id.in_(ids))
    )
    return read_columns(query.order_by(own.id)).all()


def intents(ids: Sequence[int]) -> Rows:
    own = PaymentIntent
    columns = (own.id, own.payment_order_id, own.status, own.purpose, own.amount, own.currency, OPENED_BY)
    return read_columns(select(*columns).where(own.payment_order_id.in_(ids)).order_by(own.id)).all()


def attempts(ids: Sequence[int]) -> Rows:
    own = Attempt
    query = select(
        *(own.id, own.intent_id, own.status, own.card_label, own.amount, own.currency), Gateway.name.label("gateway")
    ).join(Gateway, Gateway.id == own.gateway_id)
    return read_columns(query.where(own.payment_order_id.in_(ids)).order_by(own.id)).all()


def transactions(ids: Sequence[int]) -> Rows:
    """`paid_out_until`: how far the gateway's payouts are known, None before its first."""
    own, newest = Transaction, aliased(SettlementLine)
    until = select(func.max(newest.at)).where(newest.gateway_id == own.gateway_id).correlate(own).scalar_subquery()
    columns = (own.id, own.attempt_id, own.parent_id, own.payment_order_id, own.action, own.amount, own.currency)
    query = standing.joined(
        select(*columns, own.provider_id, own.at, until.label("paid_out_until"), *standing.columns()).select_from(own)
    )
    return read_columns(query.where(own.payment_order_id.in_(ids)).order_by(own.id)).all()


def receipts(ids: Sequence[int], receipt_ids: Sequence[int]) -> Rows:
    """Those of the payment orders, and `receipt_ids`, which may be of none."""
    own = Receipt
    columns = (own.id, own.number, own.payment_order_id, own.transaction_id, own.amount, own.currency, own.paid_with)
    mine = or_(own.payment_order_id.in_(ids), own.id.in_(receipt_ids))
    return read_columns(select(*columns).where(mine).order_by(own.id)).all()


def allocations(ids: Sequence[int], receipt_ids: Sequence[int]) -> Rows:
    query = (
        select(
            *(Allocation.receipt_id, Allocation.invoice_id, Allocation.amount),
            *(Invoice.number, Invoice.status, Invoice.currency),
        )
        .join(Receipt, Receipt.id == Allocation.receipt_id)
        .join(Invoice, Invoice.id == Allocation.invoice_id)
        .where(or_(Receipt.payment_order_id.in_(ids), Receipt.id.in_(receipt_ids)))
    )
    return read_columns(query.order_by(Allocation.id)).all()


def _settlement_lines() -> Any:
    own, batch = SettlementLine, SettlementBatch
    return select(
        *(own.id, own.batch_id, own.kind, own.provider_id, own.gross, own.fee, own.net, own.currency),
        batch.provider_id.label("batch"),
        batch.state.label("batch_state"),
        SettlementMatch.transaction_id,
    ).join(batch, batch.id == own.batch_id)


def settlement_lines(ids: Sequence[int]) -> Rows:
    query = (
        _settlement_lines()
        .join(SettlementMatch, SettlementMatch.line_id == SettlementLine.id)
        .join(Transaction, Transaction.id == SettlementMatch.transaction_id)
        .where(Transaction.payment_order_id.in_(ids))
    )
    return read_columns(query.order_by(SettlementLine.id)).all()


def write_offs(order_id: int | None, invoice_id: int | None) -> Rows:
    """Of the order's invoices, or of the one invoice; what takes one back names it."""
    own = WriteOff
    whose = Invoice.id == invoice_id if invoice_id is not None else Invoice.order_id == order_id
    columns = (own.id, own.reverses_id, own.amount, own.currency, own.reason, own.written_off_by, Invoice.number)
    query = select(*columns).join(Invoice, Invoice.id == own.invoice_id).where(whose)
    return read_columns(query.order_by(own.id)).all()


def settlement_line(id: int) -> Row[Any] | None:
    query = _settlement_lines().outerjoin(SettlementMatch, SettlementMatch.line_id == SettlementLine.id)
    return read_columns(query.where(SettlementLine.id == id)).one_or_none()
