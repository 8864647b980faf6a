"""The queue of refunds that wait for a second person's word. One statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from sqlalchemy import select

from ...access import Permission, why_not
from ...db import db
from ...models import Account, Movement, PaymentOrder, SalesOrder, User
from ...money import Money
from ...states.movement import MovementStatus
from ..scope import visible

MOST = 200


@dataclass(frozen=True, slots=True)
class WaitingRefund:
    """`own`: the reader asked for it, so somebody else decides."""

    payment_order: str
    href: str
    order: str
    customer: str
    amount: Money
    reason: str
    credit_note: bool
    by: str
    at: datetime
    own: bool
    approve: str | None
    refuse: str | None


def view(reader: User) -> tuple[WaitingRefund, ...]:
    """The longest waiting first."""
    may = why_not(reader, Permission.REFUND_APPROVE) is None
    rows = db.session.execute(
        select(
            Movement.id,
            Movement.amount,
            Movement.currency,
            Movement.reason,
            Movement.credit_note,
            Movement.actor_name,
            Movement.actor_user_id,
            Movement.created_at,
            PaymentOrder.number,
            SalesOrder.number.label("order"),
            Account.name.label("customer"),
        )
        .join(PaymentOrder, PaymentOrder.id == Movement.payment_order_id)
        .join(Account, Account.id == PaymentOrder.account_id)
        .join(SalesOrder, SalesOrder.id == PaymentOrder.order_id)
        .where(Movement.status == MovementStatus.REQUESTED, visible(reader, SalesOrder.owner_id))
        .order_by(Movement.id)
        .limit(MOST)
    )
    return tuple(
        WaitingRefund(
            payment_order=row.number,
            href=url_for("payments.show", number=row.number),
            order=row.order,
            customer=row.customer,
            amount=Money(row.amount, row.currency),
            reason=row.reason,
            credit_note=row.credit_note,
            by=row.actor_name,
            at=row.created_at,
            own=row.actor_user_id == reader.id,
            approve=_address("payments.approve_refund_form", row) if may and row.actor_user_id != reader.id else None,
            refuse=_address("payments.refuse_refund_form", row) if may or row.actor_user_id == reader.id else None,
        )
        for row in rows
    )


def _address(endpoint: str, row: object) -> str:
    here = url_for("payments.waiting_refunds")
    return url_for(endpoint, number=row.number, movement_id=row.id, next=here)  # type: ignore[attr-defined]
