"""The row of a capture, void or refund, with the very request that its gateway will get."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from ... import audit, clock, jobs
from ...db import db, get
from ...gateways.movements import Movement as Move
from ...gateways.movements import MovementRequest
from ...models import Actor, Attempt, Movement, PaymentOrder, SalesOrder, Transaction, TransactionAction
from ...money import Money
from ...states.movement import HOLDING, MovementStatus
from . import movement_outcomes

A = TransactionAction


def write(
    action: TransactionAction, parent: Transaction, amount: Money, reason: str, *, by: Actor, waits: bool = False
) -> Movement:
    """The row, with the very request that will be sent. Inside a transaction, payment order locked."""
    public_id = secrets.token_urlsafe(16)
    attempt, payment_order = get(Attempt, parent.attempt_id), get(PaymentOrder, parent.payment_order_id)
    row = Movement(
        public_id=public_id,
        action=action,
        status=MovementStatus.REQUESTED if waits else MovementStatus.STARTED,
        payment_order=payment_order,
        attempt=attempt,
        parent=parent,
        gateway_id=parent.gateway_id,
        amount=amount.minor,
        currency=amount.currency,
        reason=reason,
        idempotency_key=f"cs-{public_id}",
        actor_kind=by.kind,
        actor_name=by.name,
        actor_user_id=by.user_id,
        ask_at=None if waits else clock.now() + movement_outcomes.ASK_AFTER[0],
    )
    row.request = MovementRequest(
        kind=Move(action.value),
        key=f"cs-{public_id}",
        charge_id=attempt.provider_id or parent.provider_id,
        amount=amount,
        reason=reason,
        metadata={"movement": public_id, "attempt": attempt.public_id, "payment_order": payment_order.number},
    ).as_dict()
    db.session.add(row)
    db.session.flush()
    told: dict[str, Any] = {"action": action, "amount": amount.minor, "currency": amount.currency}
    row.record("requested" if waits else "started", by=by, because=reason or None, **told)
    audit.note(f"payment.{action}", payment_order.number, by=by, after={"amount": amount, "reason": reason})
    return row


def void_held(order: SalesOrder, *, by: Actor, because: str) -> int:
    """Let go what is held for an order that ends, by a job; how many holds. Inside a transaction, order locked."""
    mine = select(PaymentOrder.id).where(PaymentOrder.order_id == order.id)
    return _void(PaymentOrder.id.in_(mine), by=by, because=because)


def void_of(row: PaymentOrder, *, by: Actor, because: str) -> int:
    """As `void_held`, of one payment order, which is locked."""
    return _void(PaymentOrder.id == row.id, by=by, because=because)


def _void(which: Any, *, by: Actor, because: str) -> int:
    ended = select(Movement.parent_id).where(Movement.action != A.REFUND, Movement.status.in_(HOLDING))
    held = db.session.scalars(
        select(Transaction)
        .join(PaymentOrder, PaymentOrder.id == Transaction.payment_order_id)
        .where(which, Transaction.action == A.AUTHORIZE, Transaction.id.not_in(ended))
    ).all()
    for parent in held:
        row = write(A.VOID, parent, Money(parent.amount, parent.currency), because, by=by)
        jobs.stage("movements.execute", run_after=clock.now() + timedelta(seconds=1), movement_id=row.id)
    return len(held)
