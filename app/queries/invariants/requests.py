"""The rule of what is asked for: 26."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, case, cast, exists, func, or_, select

from ... import clock
from ...db import db
from ...models import Attempt, Invoice, Movement, OrderLine, PaymentOrder, SalesOrder, TransactionAction
from ...money import PricedLine, totals
from ...states import attempt, movement
from ...states.payment_order import PaymentOrderStatus
from .. import ledger
from ..receivables import figures
from .asking import MOST, found

AT_ONCE = 500


def above_due(grace: timedelta) -> list[str]:
    """Of an invoice, and of all of an order. What is being paid is spared when less becomes due, until it has ended."""
    asked = _asked(clock.now() - grace)
    return [*_above_invoices(asked), *_above_orders(asked)]


def _asked(since: Any) -> Any:
    """What each open payment order asks for or holds, but those that were being paid after `since`."""
    captured = ledger.captured()
    amount = case((PaymentOrder.amount > captured, PaymentOrder.amount - captured), else_=0)
    columns = (PaymentOrder.order_id, PaymentOrder.invoice_id, amount.label("amount"))
    mine = PaymentOrder.status == PaymentOrderStatus.OPEN, ~_under_way(since)
    return select(*columns).where(*mine).subquery()


def _under_way(since: Any) -> ColumnElement[bool]:
    tries = exists().where(
        Attempt.payment_order_id == PaymentOrder.id,
        or_(Attempt.status.in_(attempt.OPEN), Attempt.ended_at > since),
    )
    captures = exists().where(
        Movement.payment_order_id == PaymentOrder.id,
        Movement.action == TransactionAction.CAPTURE,
        or_(Movement.status.in_(movement.ASKED), Movement.ended_at > since),
    )
    return tries | captures


def _whole(amounts: Any) -> Any:
    return cast(func.coalesce(func.sum(amounts), 0), BigInteger)


def _above_invoices(asked: Any) -> list[str]:
    sums = select(asked.c.invoice_id, _whole(asked.c.amount).label("amount")).group_by(asked.c.invoice_id).subquery()
    rows = found(
        select(Invoice.number, sums.c.amount, figures.due().label("due"))
        .join(sums, sums.c.invoice_id == Invoice.id)
        .where(sums.c.amount > 0, sums.c.amount > figures.due())
    )
    return [f"{r.amount} are asked for of {r.number}, and {r.due} are due" for r in rows]


def _above_orders(asked: Any) -> list[str]:
    """An order's total is in no column: those that ask for more than their invoices have due are added up here."""
    sums = select(asked.c.order_id, _whole(asked.c.amount).label("amount")).group_by(asked.c.order_id).subquery()
    bills = select(Invoice.order_id, _whole(Invoice.gross).label("gross"), _whole(figures.due()).label("due"))
    issued = bills.where(Invoice.number.is_not(None)).group_by(Invoice.order_id).subquery()
    gross, due = (func.coalesce(issued.c[name], 0) for name in ("gross", "due"))
    query = (
        select(
            *(SalesOrder.id, SalesOrder.number, SalesOrder.currency, SalesOrder.prices_include_tax),
            *(sums.c.amount, gross.label("issued"), due.label("due")),
        )
        .join(sums, sums.c.order_id == SalesOrder.id)
        .outerjoin(issued, issued.c.order_id == SalesOrder.id)
        .where(sums.c.amount > 0, sums.c.amount > due)
    )
    complaints: list[str] = []
    for rows in db.session.execute(query).partitions(AT_ONCE):
        complaints += _told(rows)
    return complaints[:MOST]


def _told(rows: Sequence[Row[Any]]) -> Iterable[str]:
    priced: dict[int, list[PricedLine]] = {row.id: [] for row in rows}
    columns = (OrderLine.quantity, OrderLine.unit_price, OrderLine.discount_percent, OrderLine.tax_rate)
    for order_id, *facts in db.session.execute(
        select(OrderLine.order_id, *columns).where(OrderLine.order_id.in_(priced))
    ):
        priced[order_id].append(PricedLine(*facts))
    for row in rows:
        whole = totals(priced[row.id], row.currency, prices_include_tax=row.prices_include_tax).gross.minor
        due = row.due + max(whole - row.issued, 0)
        if row.amount > due:
            yield f"{row.amount} are asked for of {row.number}, and {due} are due"
