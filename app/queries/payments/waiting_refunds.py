"""The queue of refunds and pay-outs that wait for a second person's word. A statement for each."""

from __future__ import annotations

from datetime import datetime

from flask import url_for
from sqlalchemy import select

from ...access import Permission, why_not
from ...db import db
from ...models import Account, Movement, PaymentOrder, User
from ...money import Money
from ...states.movement import MovementStatus
from ...values import Value
from ..receivables import waiting_pay_outs
from . import owners

MOST = 200


class WaitingRefund(Value):
    """`own`: the reader asked for it, so somebody else decides. Of a pay-out, `number` is its receipt and `of` the
    account; of a refund the payment order, and its order or agreement."""

    number: str
    href: str
    of: str
    customer: str
    amount: Money
    reason: str
    credit_note: bool
    by: str
    at: datetime
    own: bool
    approve: str | None
    refuse: str | None
    pay_out: bool = False


def view(reader: User) -> tuple[WaitingRefund, ...]:
    """The longest waiting first."""
    pay_outs = _pay_outs(reader) if why_not(reader, Permission.RECEIVABLES_VIEW) is None else ()
    return tuple(sorted((*_refunds(reader), *pay_outs), key=lambda row: row.at))


def _pay_outs(reader: User) -> tuple[WaitingRefund, ...]:
    may = why_not(reader, Permission.REFUND_APPROVE) is None
    return tuple(
        WaitingRefund(
            number=row.receipt,
            href=url_for("receivables.receipt", receipt=row.receipt),
            of=row.account,
            customer=row.customer,
            amount=row.amount,
            reason=row.reason,
            credit_note=False,
            by=row.by,
            at=row.at,
            own=(own := row.by_id == reader.id),
            approve=_decision("receivables.approve_pay_out_form", row.id) if may and not own else None,
            refuse=_decision("receivables.refuse_pay_out_form", row.id) if may or own else None,
            pay_out=True,
        )
        for row in waiting_pay_outs.view()
    )


def _decision(endpoint: str, pay_out_id: int) -> str:
    return url_for(endpoint, pay_out=pay_out_id, next=url_for("payments.waiting_refunds"))


def _refunds(reader: User) -> tuple[WaitingRefund, ...]:
    may = why_not(reader, Permission.REFUND_APPROVE) is None
    query = (
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
            owners.SOURCE.label("source"),
            Account.name.label("customer"),
        )
        .join(PaymentOrder, PaymentOrder.id == Movement.payment_order_id)
        .join(Account, Account.id == PaymentOrder.account_id)
    )
    waiting = owners.joined(query).where(Movement.status == MovementStatus.REQUESTED, owners.seen_by(reader))
    rows = db.session.execute(waiting.order_by(Movement.id).limit(MOST))
    return tuple(
        WaitingRefund(
            number=row.number,
            href=url_for("payments.show", number=row.number),
            of=row.source,
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
