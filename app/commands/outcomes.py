"""What a gateway said, committed: the one place where attempts end and transactions are written.

Idempotent by provider id: an answer, a webhook and a look-up may bring the same news in any order, any number of times.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import clock, jobs
from ..db import db, lock, transaction
from ..errors import NotFound
from ..gateways.base import ChargeResult, Outcome
from ..models import (
    SYSTEM,
    Account,
    Attempt,
    PaymentMethod,
    PaymentOrder,
    PaymentProfile,
    PostProcessing,
    SalesOrder,
    Token,
    Transaction,
    TransactionAction,
)
from ..models.order import TAG_DECLINED
from ..queries import ledger
from ..states import declines
from ..states.attempt import AttemptEvent, AttemptStatus
from ..states.intent import IntentEvent
from ..states.order import OrderEvent
from . import mails

E = AttemptEvent

EVENTS: dict[Outcome, AttemptEvent] = {
    Outcome.SUCCEEDED: E.SUCCEED,
    Outcome.DECLINED: E.DECLINE,
    Outcome.FAILED: E.FAIL,
    Outcome.REQUIRES_ACTION: E.ASK_ACTION,
    Outcome.PENDING: E.WAIT,
    Outcome.UNKNOWN: E.LOSE_SIGHT,
}

ASK_AFTER = (timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1))
ASK_DAILY = timedelta(days=1)
ACTION_EXPIRES = timedelta(minutes=30)


def write(attempt_id: int, result: ChargeResult) -> tuple[Attempt, int | None]:
    """Write down what the gateway said. Returns the attempt, and the id of the transaction if one is new."""
    with transaction():
        attempt, order = _lock_chain(attempt_id)
        if result.outcome is Outcome.SUCCEEDED and not _matches(attempt, result):
            return _quarantine(attempt, result), None
        event = EVENTS[result.outcome]
        if not attempt.is_open and not (event is E.SUCCEED and attempt.can(event)):
            return attempt, None
        _note(attempt, result)
        if attempt.EDGES[attempt.status, event] is not attempt.status:
            attempt.transition(event, by=SYSTEM, because=result.message or None, code=result.decline_code)
        attempt.ask_at = _next_ask(attempt)
        attempt.ended_at = None if attempt.is_open else clock.now()
        if event is E.SUCCEED:
            return attempt, _captured(attempt, result)
        if event is E.DECLINE:
            _declined(attempt, order)
        return attempt, None


def _lock_chain(attempt_id: int) -> tuple[Attempt, SalesOrder | None]:
    attempt = db.session.get(Attempt, attempt_id)
    if attempt is None:
        raise NotFound(f"attempt {attempt_id}")
    payment_order = attempt.payment_order
    lock(Account, payment_order.account_id)
    order = lock(SalesOrder, payment_order.order_id) if payment_order.order_id else None
    lock(PaymentOrder, payment_order.id)
    return lock(Attempt, attempt_id), order


def _matches(attempt: Attempt, result: ChargeResult) -> bool:
    """The gateway's amount and currency are the attempt's (invariant 15)."""
    return result.amount == attempt.money and result.provider_id is not None


def _quarantine(attempt: Attempt, result: ChargeResult) -> Attempt:
    """An answer that is not about what we asked moves nothing; people must look."""
    attempt.error = f"The gateway confirmed {result.amount} where {attempt.money} was asked."
    attempt.ask_at = clock.now() + ASK_DAILY
    attempt.record("quarantined", by=SYSTEM, because=attempt.error, provider_id=result.provider_id)
    if attempt.is_open and attempt.status is not AttemptStatus.UNKNOWN:
        attempt.transition(E.LOSE_SIGHT, by=SYSTEM, because=attempt.error)
    return attempt


def _note(attempt: Attempt, result: ChargeResult) -> None:
    attempt.provider_id = result.provider_id or attempt.provider_id
    attempt.next_action = result.next_action
    attempt.error = result.message[:500] or None
    attempt.decline_code, attempt.advice = result.decline_code, result.advice
    if result.card is not None:
        attempt.card_label = f"{result.card.brand} ending {result.card.last4}"
    if result.outcome is Outcome.DECLINED:
        attempt.decline_class = declines.explain(result.decline_code, result.advice).kind
    if result.outcome is Outcome.SUCCEEDED and result.token is not None and attempt.method_id is None:
        attempt.method_id = _keep_method(attempt, result).id


def _next_ask(attempt: Attempt) -> datetime | None:
    """When to ask next: 30 s, 5 min, 1 h, then daily; a payer at the bank's question is given half an hour."""
    if not attempt.is_open:
        return None
    if attempt.status is AttemptStatus.REQUIRES_ACTION:
        return clock.now() + ACTION_EXPIRES
    wait = ASK_AFTER[attempt.asked] if attempt.asked < len(ASK_AFTER) else ASK_DAILY
    attempt.asked += 1
    return clock.now() + wait


def ask_later(attempt_id: int) -> None:
    """Asking broke before it told anything: the attempt takes its turn again, behind the others."""
    with transaction():
        attempt = lock(Attempt, attempt_id)
        attempt.ask_at = _next_ask(attempt)


def _captured(attempt: Attempt, result: ChargeResult) -> int:
    """The evidence: one transaction per (gateway, provider id, action), and the work that follows from it. What is only
    held is an authorization, until its capture makes money of it."""
    action = TransactionAction(result.action)
    attempt.held_until = result.authorized_until
    known = db.session.scalar(
        select(Transaction.id).where(
            Transaction.gateway_id == attempt.gateway_id,
            Transaction.provider_id == result.provider_id,
            Transaction.action == action,
        )
    )
    if known is not None:
        return known
    row = Transaction(
        payment_order_id=attempt.payment_order_id,
        attempt_id=attempt.id,
        gateway_id=attempt.gateway_id,
        action=action,
        amount=attempt.amount,
        currency=attempt.currency,
        provider_id=result.provider_id,
        idempotency_key=attempt.idempotency_key,
        reference=result.reference,
        raw_sha256=result.raw_sha256,
    )
    db.session.add(row)
    db.session.flush()
    figures = ledger.figures([attempt.payment_order_id])[attempt.payment_order_id]
    if not figures.balance and attempt.intent.can(IntentEvent.PAY):
        attempt.intent.transition(IntentEvent.PAY, by=attempt.actor)
    db.session.add(PostProcessing(transaction_id=row.id, order_id=attempt.payment_order.order_id))
    # Whoever pays is waiting, so it is done at once; the job is for the process that dies before.
    jobs.stage("post_processing.run", run_after=clock.now() + timedelta(seconds=15), transaction_id=row.id)
    return row.id


def _declined(attempt: Attempt, order: SalesOrder | None) -> None:
    if attempt.decline_class == declines.DeclineClass.STOP and attempt.method_id is not None:
        db.session.get_one(PaymentMethod, attempt.method_id).hard_declined_at = clock.now()
    if order is None or not attempt.payment_order.first or not order.can(OrderEvent.PAYMENT_DECLINED):
        return
    found = declines.explain(attempt.decline_code, attempt.advice)
    words = f"{found.staff} {found.staff_next}"
    order.tag(TAG_DECLINED)
    order.transition(
        OrderEvent.PAYMENT_DECLINED, by=attempt.actor, because=words, card=attempt.card_label, code=attempt.decline_code
    )
    mails.payment_declined(attempt, reason=words, by=attempt.actor)


def _keep_method(attempt: Attempt, result: ChargeResult) -> PaymentMethod:
    """The saved card, once per account and card; the payer's consent is kept with it.

    Saved again, it is what it is now: with its new date, and charged a moment ago, whatever was declined before.
    """
    account_id, card = attempt.payment_order.account_id, result.card
    if card is None:
        raise ValueError("a token came without its card")
    method = db.session.scalars(
        select(PaymentMethod).where(
            PaymentMethod.account_id == account_id,
            PaymentMethod.fingerprint == card.fingerprint,
            PaymentMethod.detached_at.is_(None),
        )
    ).first()
    if method is None:
        method = PaymentMethod(
            account_id=account_id,
            contact_id=attempt.payment_order.contact_id,
            brand=card.brand,
            last4=card.last4,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            holder=card.holder,
            fingerprint=card.fingerprint,
            consent_text=attempt.consent_text or "",
            consent_by=attempt.actor_name,
            consent_how="checkout" if attempt.actor_kind == "customer" else "told to staff",
        )
        db.session.add(method)
        db.session.flush()
        method.record("saved", by=attempt.actor, card=method.label)
    method.exp_month, method.exp_year, method.hard_declined_at = card.exp_month, card.exp_year, None
    _keep_token(method, attempt.gateway_id, result.token)
    if result.customer_ref is not None:
        remember_profile(db.session(), account_id, attempt.gateway_id, result.customer_ref)
    return method


def _keep_token(method: PaymentMethod, gateway_id: int, token: str | None) -> None:
    row = db.session.scalars(
        select(Token).where(Token.method_id == method.id, Token.gateway_id == gateway_id)
    ).one_or_none()
    if row is None:
        db.session.add(Token(method_id=method.id, gateway_id=gateway_id, token=token))
    else:
        row.token, row.valid = token or row.token, True


def remember_profile(session: Session, account_id: int, gateway_id: int, reference: str) -> None:
    """The account as a customer of the gateway, once."""
    known = session.scalar(
        select(PaymentProfile.id).where(
            PaymentProfile.account_id == account_id, PaymentProfile.gateway_id == gateway_id
        )
    )
    if known is None:
        session.add(PaymentProfile(account_id=account_id, gateway_id=gateway_id, customer_ref=reference))
