"""Figures of payment orders, summed from evidence and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BigInteger, ColumnElement, case, cast, func, select

from ..db import db
from ..models.payment import PaymentOrder, Transaction, TransactionAction
from ..states.payment_order import Figures, PaymentOrderStatus

A = TransactionAction


def _sum_of(*actions: TransactionAction) -> ColumnElement[int]:
    amounts = func.sum(case((Transaction.action.in_(actions), Transaction.amount), else_=0))
    return cast(func.coalesce(amounts, 0), BigInteger)  # PostgreSQL sums whole numbers into a decimal


def summed(*actions: TransactionAction) -> ColumnElement[int]:
    """The sum of such transactions of the payment order at hand, as a column of its statement."""
    query = select(_sum_of(*actions)).where(Transaction.payment_order_id == PaymentOrder.id)
    return query.correlate(PaymentOrder).scalar_subquery()


def columns() -> tuple[ColumnElement[int], ...]:
    """`authorized`, `captured` and `refunded` beside each payment order of a statement."""
    return (
        summed(A.AUTHORIZE, A.CHARGE).label("authorized"),
        summed(A.CAPTURE, A.CHARGE).label("captured"),
        summed(A.REFUND).label("refunded"),
    )


def figures(payment_order_ids: Iterable[int]) -> dict[int, Figures]:
    """By payment order id, in minor units of its currency; one statement."""
    rows = db.session.execute(
        select(
            PaymentOrder.id,
            PaymentOrder.amount,
            _sum_of(A.AUTHORIZE, A.CHARGE).label("authorized"),
            _sum_of(A.CAPTURE, A.CHARGE).label("captured"),
            _sum_of(A.REFUND).label("refunded"),
        )
        .outerjoin(Transaction, Transaction.payment_order_id == PaymentOrder.id)
        .where(PaymentOrder.id.in_(list(payment_order_ids)))
        .group_by(PaymentOrder.id, PaymentOrder.amount)
    ).all()
    return {
        r.id: Figures(requested=r.amount, authorized=r.authorized, captured=r.captured, refunded=r.refunded)
        for r in rows
    }


def claimed(order_id: int, *, beside_first: bool = False) -> int:
    """What the order's payment orders already collect or have collected: open ones in full, closed ones by captures.

    `beside_first` leaves out those of the first payment.
    """
    query = select(PaymentOrder.id, PaymentOrder.status, PaymentOrder.amount).where(PaymentOrder.order_id == order_id)
    rows = db.session.execute(query.where(~PaymentOrder.first) if beside_first else query).all()
    by_id = figures(r.id for r in rows)
    return sum(
        max(r.amount, by_id[r.id].captured) if r.status == PaymentOrderStatus.OPEN else by_id[r.id].captured
        for r in rows
    )
