"""Figures of payment orders, summed from evidence and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, case, cast, exists, func, select
from sqlalchemy.orm import aliased

from ..db import db, read_columns
from ..models import (
    OFFLINE,
    Allocation,
    Dispute,
    DisputeEntry,
    DisputeEntryKind,
    Invoice,
    Movement,
    Receipt,
    SalesOrder,
)
from ..models.payment import PaymentOrder, Transaction, TransactionAction
from ..states import dispute as dispute_states
from ..states import movement as movement_states
from ..states.payment_order import Figures, PaymentOrderStatus
from .receivables import figures as invoices

A, K = TransactionAction, DisputeEntryKind
_End = aliased(Transaction)


def _whole(amounts: Any) -> ColumnElement[int]:
    return cast(func.coalesce(amounts, 0), BigInteger)  # PostgreSQL sums whole numbers into a decimal


def _of_payment_order(query: Any) -> ColumnElement[int]:
    """A sum over what belongs to the payment order at hand, as a column of its statement."""
    return query.correlate(PaymentOrder).scalar_subquery()  # type: ignore[no-any-return]


def summed(*actions: TransactionAction, less: TransactionAction | None = None) -> ColumnElement[int]:
    """The sum of such transactions of the payment order at hand, those of `less` taken off."""
    signed = case(
        (Transaction.action.in_(actions), Transaction.amount),
        (Transaction.action == less, -Transaction.amount),
        else_=0,
    )
    return _of_payment_order(select(_whole(func.sum(signed))).where(Transaction.payment_order_id == PaymentOrder.id))


def held() -> ColumnElement[int]:
    """Authorizations of the payment order at hand that nothing has ended yet."""
    ended = exists().where(_End.parent_id == Transaction.id, _End.action.in_((A.CAPTURE, A.VOID)))
    return _of_payment_order(
        select(_whole(func.sum(Transaction.amount))).where(
            Transaction.payment_order_id == PaymentOrder.id, Transaction.action == A.AUTHORIZE, ~ended
        )
    )


def taken() -> ColumnElement[int]:
    """A sum of entries: what banks took, less what they gave back; fees are not the customer's money."""
    signed = case(
        (DisputeEntry.kind == K.DEBIT, DisputeEntry.amount),
        (DisputeEntry.kind == K.REINSTATEMENT, -DisputeEntry.amount),
        else_=0,
    )
    return _whole(func.sum(signed))


def _taken() -> Any:
    return select(taken()).join(Dispute, Dispute.id == DisputeEntry.dispute_id)


def offline() -> ColumnElement[int]:
    """What came by cheque, wire or cash for the payment order at hand, less what never arrived."""
    return _receipts(Receipt.amount, Receipt.parent_id.is_(None) | Receipt.reversal)


def _paid_out() -> ColumnElement[int]:
    """What of offline money was given back, less what was brought back of it."""
    return _receipts(-Receipt.amount, Receipt.parent_id.is_not(None) & ~Receipt.reversal)


def _receipts(amount: Any, which: Any) -> ColumnElement[int]:
    query = select(_whole(func.sum(amount))).where(Receipt.payment_order_id == PaymentOrder.id)
    return _of_payment_order(query.where(Receipt.kind.in_(OFFLINE), which))


def captured() -> ColumnElement[int]:
    """What has arrived for the payment order at hand, by gateways and without one."""
    return summed(A.CAPTURE, A.CHARGE) + offline()


def _disputed(*, undecided: bool = False) -> ColumnElement[int]:
    query = _taken().where(Dispute.payment_order_id == PaymentOrder.id)
    return _of_payment_order(query.where(Dispute.status.in_(dispute_states.OPEN)) if undecided else query)


def columns() -> tuple[ColumnElement[int], ...]:
    """What `of_row` reads, beside each payment order of a statement."""
    return (
        summed(A.AUTHORIZE, A.CHARGE, less=A.VOID).label("authorized"),
        captured().label("captured"),
        (summed(A.REFUND, less=A.REFUND_FAILURE) + _paid_out()).label("refunded"),
        _disputed().label("disputed"),
        held().label("held"),
        _disputed(undecided=True).label("contested"),
    )


def of_row(row: Any) -> Figures:
    """From a row with the payment order's `amount` and `columns()`."""
    names = ("authorized", "captured", "refunded", "disputed", "held", "contested")
    return Figures(row.amount, **{name: getattr(row, name) for name in names})


def figures(payment_order_ids: Iterable[int]) -> dict[int, Figures]:
    """By payment order id, in minor units of its currency; one statement."""
    return {row.id: of_row(row) for row in read_columns(_figures(), ids=list(payment_order_ids))}


@cache
def _figures() -> Any:
    wanted = PaymentOrder.id.in_(bindparam("ids", expanding=True))
    return select(PaymentOrder.id, PaymentOrder.amount, *columns()).where(wanted)


def _refunds_of(transaction_id: int) -> Any:
    return select(_whole(func.sum(Movement.amount))).where(
        Movement.parent_id == transaction_id,
        Movement.action == A.REFUND,
        Movement.status.in_(movement_states.HOLDING),
    )


def refunded_or_asked(transaction_id: int) -> int:
    """Minor units of a capture that were refunded, or are asked for."""
    return int(db.session.scalar(_refunds_of(transaction_id)) or 0)


def left_to_refund(transaction_id: int) -> int:
    """Minor units of a capture that no refund, done or under way, and no dispute has claimed; below zero where both
    have. Inside a transaction, with its payment order locked, nobody else can claim them."""
    captured = select(Transaction.amount).where(Transaction.id == transaction_id).scalar_subquery()
    refunds = _refunds_of(transaction_id).scalar_subquery()
    taken = _taken().where(Dispute.transaction_id == transaction_id)
    query = select(captured - refunds - taken.scalar_subquery())
    return int(db.session.scalar(query) or 0)


def undecided(transaction_id: int) -> int:
    """Minor units of a capture that banks have taken and not decided about."""
    mine = (Dispute.transaction_id == transaction_id) & Dispute.status.in_(dispute_states.OPEN)
    return int(db.session.scalar(_taken().where(mine)) or 0)


def paid_beside() -> ColumnElement[int]:
    """What pays invoices of the order at hand without having come for a payment order of its own."""
    foreign = PaymentOrder.order_id.is_(None) | (PaymentOrder.order_id != SalesOrder.id)
    query = (
        select(_whole(func.sum(Allocation.amount)))
        .join(Invoice, Invoice.id == Allocation.invoice_id)
        .join(Receipt, Receipt.id == Allocation.receipt_id)
        .outerjoin(PaymentOrder, PaymentOrder.id == Receipt.payment_order_id)
        .where(Invoice.order_id == SalesOrder.id, foreign)
    )
    return query.correlate(SalesOrder).scalar_subquery()  # type: ignore[no-any-return]


def claimed(order_id: int, *, beside_first: bool = False) -> int:
    """What is collected of the order already or being collected: what its payment orders ask for and what of theirs is
    here, and what else pays its invoices.

    `beside_first` leaves out those of the first payment.
    """
    query = select(PaymentOrder.id, PaymentOrder.status).where(PaymentOrder.order_id == order_id)
    rows = db.session.execute(query.where(~PaymentOrder.first) if beside_first else query).all()
    by_id = figures(r.id for r in rows)
    beside = int(db.session.scalar(select(paid_beside()).where(SalesOrder.id == order_id)) or 0)
    return beside + sum(by_id[r.id].claims(cancelled=r.status != PaymentOrderStatus.OPEN) for r in rows)


def still_due(order_id: int, gross: int) -> int:
    """What the order's invoices have due, and what of its `gross` is in none: neither credited nor written off."""
    query = select(_whole(func.sum(Invoice.gross)), _whole(func.sum(invoices.due())))
    mine = query.where(Invoice.order_id == order_id, Invoice.number.is_not(None))
    issued, due = db.session.execute(mine).one()
    return int(due) + max(gross - int(issued), 0)


def payable(order_id: int, *, beside: int | None = None) -> dict[int, int]:
    """What the order's open invoices have due and no payment order of their own asks for, `beside` this one: minor
    units by the invoice's id, the oldest due first."""
    due = invoices.due().label("due")
    query = select(Invoice.id, due).where(Invoice.order_id == order_id, Invoice.number.is_not(None), due > 0)
    found = {row.id: int(row.due) for row in read_columns(query.order_by(Invoice.due_date, Invoice.id))}
    others = (PaymentOrder.status == PaymentOrderStatus.OPEN) & (PaymentOrder.id != (beside or 0))
    asking = select(PaymentOrder.id, PaymentOrder.invoice_id).where(PaymentOrder.invoice_id.in_(found), others)
    rows = read_columns(asking).all() if found else []
    by_id = figures(row.id for row in rows) if rows else {}
    for row in rows:
        found[row.invoice_id] -= by_id[row.id].to_come
    return {id: minor for id, minor in found.items() if minor > 0}


def may_take(payment_order: PaymentOrder) -> int:
    """Minor units that still pay something: what the payment order asks for or holds, as far as its invoice and its
    order have it due."""
    most = figures([payment_order.id])[payment_order.id].to_come
    if (order := payment_order.order) is not None:
        most = min(most, still_due(order.id, order.totals().gross.minor))
    if payment_order.invoice_id is not None:
        most = min(most, invoices.of_invoice(payment_order.invoice_id).due)
    return max(most, 0)


def above_due(payment_order: PaymentOrder) -> bool:
    """It asks for more than its invoice has due; or it and the others of its order together, than the order has."""
    found = figures([payment_order.id])[payment_order.id].to_come
    if payment_order.invoice_id is not None and found > max(invoices.of_invoice(payment_order.invoice_id).due, 0):
        return True
    order = payment_order.order
    return order is not None and asked(order.id) > max(still_due(order.id, order.totals().gross.minor), 0)


def asked(order_id: int) -> int:
    """What the order's open payment orders ask for or hold."""
    query = select(PaymentOrder.id).where(
        PaymentOrder.order_id == order_id, PaymentOrder.status == PaymentOrderStatus.OPEN
    )
    return sum(found.to_come for found in figures(db.session.scalars(query).all()).values())


def unclaimed(order_id: int, gross: int) -> int:
    """What of the order's `gross` is neither collected nor asked for, nor given up; below zero where it is more."""
    return min(gross - claimed(order_id), still_due(order_id, gross) - asked(order_id))
