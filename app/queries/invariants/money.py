"""Rules of amounts: 1, 2, 4 and 5."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from babel.numbers import is_currency
from sqlalchemy import BigInteger, ColumnElement, case, cast, func, select, union

from ...db import db
from ...models import (
    Allocation,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    Movement,
    PaymentOrder,
    PaymentOrderLine,
    Receipt,
    Transaction,
    TransactionAction,
)
from ...states.movement import HOLDING, MovementStatus
from .asking import MOST, found

A = TransactionAction
DEDUCTING = (Invoice.prices_include_tax, Invoice.deductions)


def unknown_currencies(grace: timedelta) -> list[str]:
    used = union(*(select(model.currency) for model in (PaymentOrder, Transaction, Receipt, Invoice)))
    return [f"{code} is no currency" for code in db.session.scalars(used) if not is_currency(code)]


def sums_apart(grace: timedelta) -> list[str]:
    return [*_invoices_apart(), *_taxes_apart(), *_payment_orders_apart()]


def _invoices_apart() -> list[str]:
    lines = (
        select(InvoiceLine.invoice_id, func.sum(InvoiceLine.amount).label("amount"))
        .group_by(InvoiceLine.invoice_id)
        .subquery()
    )
    expected = case((Invoice.prices_include_tax, Invoice.gross), else_=Invoice.net)
    columns = select(Invoice.number, expected.label("expected"), lines.c.amount, *DEDUCTING)
    both = columns.join(lines, lines.c.invoice_id == Invoice.id)
    apart = (lines.c.amount != expected) & (Invoice.kind != InvoiceKind.FINAL)
    rows = [(r, r.expected) for r in found(both.where(apart | (Invoice.gross != Invoice.net + Invoice.tax)))]
    for r in db.session.execute(both.where(Invoice.kind == InvoiceKind.FINAL).execution_options(yield_per=1000)):
        whole = r.expected + sum(x["base"] + (x["tax"] if r.prices_include_tax else 0) for x in r.deductions)
        if whole != r.amount and len(rows) < MOST:
            rows.append((r, whole))
    return [f"the lines of {r.number} come to {r.amount}, the invoice to {whole}" for r, whole in rows]


def _taxes_apart() -> list[str]:
    """Tax by rate is JSON, so it is added up here; one pass over the invoices, without making entities of them."""
    complaints: list[str] = []
    columns = select(Invoice.number, Invoice.net, Invoice.tax, Invoice.tax_by_rate).where(Invoice.number.is_not(None))
    for row in db.session.execute(columns.execution_options(yield_per=1000)):
        sums = sum(x["base"] for x in row.tax_by_rate), sum(x["tax"] for x in row.tax_by_rate)
        if sums != (row.net, row.tax) and len(complaints) < MOST:
            complaints.append(f"{row.number} says {row.net} net and {row.tax} tax, its rates {sums[0]} and {sums[1]}")
    return complaints


def _payment_orders_apart() -> list[str]:
    lines = select(PaymentOrderLine.payment_order_id, func.sum(PaymentOrderLine.amount).label("amount")).group_by(
        PaymentOrderLine.payment_order_id
    )
    parts = lines.subquery()
    rows = found(
        select(PaymentOrder.number, PaymentOrder.amount, parts.c.amount.label("sum"))
        .join(parts, parts.c.payment_order_id == PaymentOrder.id)
        .where(parts.c.amount != PaymentOrder.amount)
    )
    return [f"the lines of {r.number} come to {r.sum}, not {r.amount}" for r in rows]


def _sum_of(*actions: TransactionAction) -> ColumnElement[int]:
    return cast(
        func.coalesce(func.sum(case((Transaction.action.in_(actions), Transaction.amount), else_=0)), 0), BigInteger
    )


def out_of_order(grace: timedelta) -> list[str]:
    return [*_overdrawn(), *_overclaimed()]


def _overclaimed() -> list[str]:
    """Refunds of a capture: those asked for here, done and under way, and all that are done. One made at the processor
    may overtake one of ours, which is refused there then. A dispute may open above what is left: then banks and we
    both give back, and the books say so."""
    ours = case((~Movement.elsewhere & Movement.status.in_(HOLDING), Movement.amount), else_=0)
    done = case((Movement.status == MovementStatus.SUCCEEDED, Movement.amount), else_=0)
    sums = (
        select(Movement.parent_id, func.sum(ours).label("ours"), func.sum(done).label("done"))
        .where(Movement.action == A.REFUND)
        .group_by(Movement.parent_id)
        .subquery()
    )
    claimed = case((sums.c.ours > sums.c.done, sums.c.ours), else_=sums.c.done)
    rows = found(
        select(Transaction.provider_id, Transaction.amount, claimed.label("claimed"))
        .join(sums, sums.c.parent_id == Transaction.id)
        .where(claimed > Transaction.amount)
    )
    return [f"of the capture {r.provider_id}, {r.amount}, refunds claim {r.claimed}" for r in rows]


def _overdrawn() -> list[str]:
    authorized, captured = _sum_of(A.AUTHORIZE, A.CHARGE), _sum_of(A.CAPTURE, A.CHARGE)
    refunded = _sum_of(A.REFUND) - _sum_of(A.REFUND_FAILURE)
    rows = found(
        select(
            PaymentOrder.number,
            authorized.label("authorized"),
            captured.label("captured"),
            refunded.label("refunded"),
        )
        .join(Transaction, Transaction.payment_order_id == PaymentOrder.id)
        .group_by(PaymentOrder.number)
        .having((refunded > captured) | (captured > authorized))
    )
    return [f"{r.number}: authorized {r.authorized}, captured {r.captured}, refunded {r.refunded}" for r in rows]


def over_allocated(grace: timedelta) -> list[str]:
    return [
        f"{r.number} holds {r.whole}, {r.used} of it are allocated"
        for statement in (
            _allocated_of(Receipt, Allocation.receipt_id, Receipt.amount),
            _allocated_of(Invoice, Allocation.invoice_id, Invoice.gross),
        )
        for r in found(statement)
    ]


def _allocated_of(model: Any, column: Any, whole: Any) -> Any:
    used = select(column.label("id"), func.sum(Allocation.amount).label("used")).group_by(column).subquery()
    return (
        select(model.number, whole.label("whole"), used.c.used)
        .join(used, used.c.id == model.id)
        .where(case((whole < 0, used.c.used < whole), else_=(used.c.used > whole) | (used.c.used < 0)))
    )
