"""What a gateway said of a capture, void or refund, committed: the one place where movements end.

Answer, event and look-up may bring the same news in any order, any number of times; each transaction stands here once.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from ... import audit, clock, jobs
from ...db import db, get, lock, transaction
from ...gateways.base import Outcome
from ...gateways.movements import MovementResult
from ...models import (
    SYSTEM,
    Account,
    Attempt,
    Movement,
    PaymentOrder,
    PostProcessing,
    SalesOrder,
    Symptom,
    Transaction,
    TransactionAction,
)
from ...queries import ledger
from ...states.movement import MovementEvent, MovementStatus
from ..office import escalations

A, E = TransactionAction, MovementEvent
EVENTS: dict[Outcome, MovementEvent] = {
    Outcome.SUCCEEDED: E.SUCCEED,
    Outcome.FAILED: E.FAIL,
    Outcome.DECLINED: E.FAIL,
    Outcome.PENDING: E.WAIT,
    Outcome.REQUIRES_ACTION: E.WAIT,
    Outcome.UNKNOWN: E.LOSE_SIGHT,
}
ASK_AFTER = (timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1))
ASK_DAILY = timedelta(days=1)


def write(movement_id: int, result: MovementResult) -> tuple[Movement, int | None]:
    """Returns the movement, and the id of the transaction if one is new."""
    with transaction():
        row = locked(movement_id)
        return row, apply(row, result)


def apply(row: Movement, result: MovementResult) -> int | None:
    """The id of the transaction if one is new. Inside a transaction, with the movement and what is above it held."""
    if result.outcome is Outcome.SUCCEEDED and not _matches(row, result):
        _quarantine(row, result)
        return None
    event = _event(row, result)
    if not row.can(event):
        return None
    _note(row, result)
    if row.EDGES[row.status, event] is not row.status:
        told: dict[str, Any] = {"action": row.action, "amount": row.amount, "currency": row.currency}
        row.transition(event, by=SYSTEM, because=result.message or None, code=result.error_code, **told)
    row.ask_at = _next_ask(row)
    row.ended_at = None if row.is_asked else clock.now()
    if event is E.SUCCEED:
        return _prove(row, result, row.action, row.parent_id)
    if row.action is A.CAPTURE and not row.is_asked and ledger.above_due(row.payment_order):
        jobs.stage("payment_orders.lower", payment_order_id=row.payment_order_id)
    return _prove(row, result, A.REFUND_FAILURE, _refund_of(row)) if event is E.RETURN else None


def locked(movement_id: int) -> Movement:
    """The movement with everything above it held, in the house's order. Inside a transaction."""
    payment_order = get(Movement, movement_id).payment_order
    lock(Account, payment_order.account_id)
    if payment_order.order_id:
        lock(SalesOrder, payment_order.order_id)
    lock(PaymentOrder, payment_order.id)
    return lock(Movement, movement_id)


def _event(row: Movement, result: MovementResult) -> MovementEvent:
    """A refund that had arrived and is failed now has come back."""
    event = EVENTS[result.outcome]
    came_back = event is E.FAIL and row.status is MovementStatus.SUCCEEDED and result.provider_id == row.provider_id
    return E.RETURN if came_back and row.action is A.REFUND else event


def _matches(row: Movement, result: MovementResult) -> bool:
    """Amount, currency and charge are what was asked for (invariant 15)."""
    of_charge = result.charge_id in (None, row.attempt.provider_id, row.parent.provider_id)
    return result.amount == row.money and result.provider_id is not None and of_charge


def _quarantine(row: Movement, result: MovementResult) -> None:
    """An answer that is not about what we asked moves nothing; people must look."""
    row.error = f"The gateway confirmed {result.amount} of {result.charge_id} where {row.money} was asked."
    row.ask_at = clock.now() + ASK_DAILY
    row.record("quarantined", by=SYSTEM, because=row.error, provider_id=result.provider_id)
    if row.is_asked and row.status is not MovementStatus.UNKNOWN:
        row.transition(E.LOSE_SIGHT, by=SYSTEM, because=row.error)
    order_id, label = row.payment_order.order_id, f"{row.action} on {row.payment_order.number}"
    escalations.open(Symptom.QUARANTINED, row, label, row.error, order_id=order_id)


def _note(row: Movement, result: MovementResult) -> None:
    row.provider_id = result.provider_id or row.provider_id
    row.error_code, row.error = result.error_code, result.message[:500] or None


def _next_ask(row: Movement) -> datetime | None:
    """30 s, 5 min, 1 h, then daily."""
    if not row.is_asked:
        return None
    wait = ASK_AFTER[row.asked] if row.asked < len(ASK_AFTER) else ASK_DAILY
    row.asked += 1
    return clock.now() + wait


def ask_later(movement_id: int) -> None:
    """Asking broke before it told anything: it takes its turn again, behind the others."""
    with transaction():
        row = lock(Movement, movement_id)
        row.ask_at = _next_ask(row)


def _prove(row: Movement, result: MovementResult, action: TransactionAction, parent_id: int) -> int | None:
    """The evidence and the work that follows from it; None where both stand here already."""
    known = select(Transaction.id).where(
        Transaction.gateway_id == row.gateway_id,
        Transaction.provider_id == result.provider_id,
        Transaction.action == action,
    )
    if db.session.scalar(known) is not None:
        return None
    proof = Transaction(
        payment_order_id=row.payment_order_id,
        attempt_id=row.attempt_id,
        parent_id=parent_id,
        gateway_id=row.gateway_id,
        action=action,
        amount=row.amount,
        currency=row.currency,
        provider_id=result.provider_id,
        idempotency_key=row.idempotency_key or "",
        reference=result.reference,
        raw_sha256=result.raw_sha256,
    )
    db.session.add(proof)
    db.session.flush()
    db.session.add(PostProcessing(transaction_id=proof.id, order_id=row.payment_order.order_id))
    jobs.stage("post_processing.run", run_after=clock.now() + timedelta(seconds=15), transaction_id=proof.id)
    return proof.id


def _refund_of(row: Movement) -> int:
    return db.session.scalars(
        select(Transaction.id).where(
            Transaction.gateway_id == row.gateway_id,
            Transaction.provider_id == row.provider_id,
            Transaction.action == A.REFUND,
        )
    ).one()


def recognize(gateway_id: int, result: MovementResult) -> int | None:
    """The movement that a refund at the gateway is: by its id there, by ours that it carries, else one that somebody
    made at the processor, written down now. None: it is of no charge that we have captured."""
    with transaction():
        ours = _known(gateway_id, result)
        if ours is not None:
            return ours
        found = db.session.execute(
            select(Transaction.id, Transaction.payment_order_id)
            .join(Attempt, Attempt.id == Transaction.attempt_id)
            .where(
                Attempt.gateway_id == gateway_id,
                Attempt.provider_id == result.charge_id,
                Transaction.action.in_((A.CHARGE, A.CAPTURE)),
            )
        ).one_or_none()
        if found is None or result.amount is None:
            return None
        payment_order = get(PaymentOrder, found.payment_order_id)
        lock(Account, payment_order.account_id)
        lock(PaymentOrder, payment_order.id)
        return _known(gateway_id, result) or elsewhere(A.REFUND, get(Transaction, found.id), result).id


def _known(gateway_id: int, result: MovementResult) -> int | None:
    of_gateway = select(Movement.id).where(Movement.gateway_id == gateway_id, Movement.action == A.REFUND)
    named = result.metadata.get("movement")
    for condition in (
        Movement.provider_id == result.provider_id,
        Movement.idempotency_key == result.key if result.key else None,
        Movement.public_id == named if named else None,
    ):
        if condition is not None and (found := db.session.scalar(of_gateway.where(condition))) is not None:
            return found
    return None


def elsewhere(action: TransactionAction, parent: Transaction, result: MovementResult) -> Movement:
    """What was done at the processor, as a row like any other. Inside a transaction, payment order locked."""
    amount = result.amount
    if amount is None:
        raise ValueError("the gateway does not say how much it moved")
    row = Movement(
        public_id=secrets.token_urlsafe(16),
        action=action,
        payment_order=get(PaymentOrder, parent.payment_order_id),
        attempt=get(Attempt, parent.attempt_id),
        parent=parent,
        gateway_id=parent.gateway_id,
        amount=amount.minor,
        currency=amount.currency,
        reason=result.reason,
        elsewhere=True,
        provider_id=result.provider_id,
        actor_kind=SYSTEM.kind,
        actor_name="The processor",
        ask_at=clock.now() + ASK_AFTER[0],
    )
    db.session.add(row)
    db.session.flush()
    row.record("elsewhere", by=row.actor, action=action, amount=amount.minor, currency=amount.currency)
    audit.note(f"payment.{action}", row.payment_order.number, by=row.actor, after={"amount": amount})
    return row
