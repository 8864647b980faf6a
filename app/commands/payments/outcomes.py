"""What a gateway said, committed: the one place where attempts end and transactions are written.

Idempotent by provider id: an answer, a webhook and a look-up may bring the same news in any order, any number of times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select

from ... import clock, jobs
from ...ahead import number_ahead
from ...db import append, insert_id, know_by, lock, lock_all, read_columns, transaction
from ...errors import NotFound
from ...gateways.base import CardFacts, ChargeResult, Outcome
from ...models import (
    SYSTEM,
    Account,
    Attempt,
    MethodSetup,
    PaymentIntent,
    PaymentMethod,
    PaymentOrder,
    PostProcessing,
    SalesOrder,
    StagedJob,
    Symptom,
    Transaction,
    TransactionAction,
)
from ...models.order import TAG_DECLINED
from ...queries import ledger
from ...states import declines
from ...states.attempt import AttemptEvent, AttemptStatus
from ...states.intent import IntentEvent
from ...states.order import OrderEvent
from ...values import Value
from ..agreements import outcomes as agreement_outcomes
from ..methods import card_standing, kept_methods
from ..methods.kept_methods import Consent
from ..office import escalations
from ..post import mails

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
ESCALATED_AFTER = timedelta(hours=1)

# Asked with every answer, so built once.
CHAIN = (
    select(PaymentOrder.id, PaymentOrder.account_id, PaymentOrder.order_id)
    .join(Attempt, Attempt.payment_order_id == PaymentOrder.id)
    .where(Attempt.id == bindparam("attempt_id_"))
)
CHAINS = (
    select(PaymentOrder.id, PaymentOrder.account_id, PaymentOrder.order_id)
    .join(Attempt, Attempt.payment_order_id == PaymentOrder.id)
    .where(Attempt.id.in_(bindparam("attempt_ids_", expanding=True)))
)
KNOWN = select(Transaction.provider_id, Transaction.attempt_id).where(
    Transaction.gateway_id == bindparam("gateway_"),
    Transaction.provider_id.in_(bindparam("providers_", expanding=True)),
)
FOLLOWS = insert(PostProcessing)


def write(attempt_id: int, result: ChargeResult) -> tuple[Attempt, int | None]:
    """Write down what the gateway said. Returns the attempt, and the id of the transaction if one is new."""
    with transaction():
        attempt, order = lock_chain(attempt_id)
        return attempt, apply(attempt, order, result)


class Written(Value):
    gateway_id: int
    transaction_id: int | None


def write_all(results: Mapping[int, ChargeResult]) -> list[Written]:
    """As `write`, for many attempts that name no order, by id."""
    with transaction():
        number_ahead(Transaction, StagedJob)
        attempts = _held(list(results))
        found = _apply([(attempt, None, results[attempt.id]) for attempt in attempts])
        return [Written(attempt.gateway_id, id) for attempt, id in zip(attempts, found, strict=True)]


def _held(attempt_ids: Sequence[int]) -> list[Attempt]:
    chain: Any = read_columns(CHAINS, attempt_ids_=attempt_ids).all()
    if any(row.order_id for row in chain):
        raise ValueError("attempts of orders are written one by one")
    lock_all(Account, (row.account_id for row in chain))
    lock_all(PaymentOrder, (row.id for row in chain))
    attempts = lock_all(Attempt, attempt_ids)
    know_by(PaymentIntent.id, [row.intent_id for row in attempts])
    return attempts


def apply(attempt: Attempt, order: SalesOrder | None, result: ChargeResult) -> int | None:
    """The id of the transaction if one is new. Inside a transaction, with the attempt and what is above it held."""
    return _apply([(attempt, order, result)])[0]


Answer = tuple[Attempt, SalesOrder | None, ChargeResult]
Known = dict[tuple[int, str | None], int]


def _apply(answers: Sequence[Answer]) -> list[int | None]:
    """Of each answer the id of the transaction if one is new."""
    known = _known(answers)
    captured = [_captured(answer[0], answer[2]) if _moved(*answer, known) else None for answer in answers]
    _follow([answer[0] for answer, id in zip(answers, captured, strict=True) if id], [id for id in captured if id])
    return captured


def _known(answers: Sequence[Answer]) -> Known:
    """Which attempts the charges that are told of pay already, by gateway and the gateway's id."""
    told: dict[int, list[str]] = {}
    for attempt, _order, result in answers:
        if result.outcome is Outcome.SUCCEEDED and result.provider_id is not None:
            told.setdefault(attempt.gateway_id, []).append(result.provider_id)
    return {
        (gateway_id, row.provider_id): row.attempt_id
        for gateway_id, ids in told.items()
        for row in read_columns(KNOWN, gateway_=gateway_id, providers_=ids)
    }


def _moved(attempt: Attempt, order: SalesOrder | None, result: ChargeResult, known: Known) -> bool:
    """Whether it is a success, which is evidence to be written down."""
    event = EVENTS[result.outcome]
    if not attempt.is_open and not (event is E.SUCCEED and attempt.can(event)):
        return False
    if event is E.SUCCEED and (because := _mismatch(attempt, result, known)):
        _quarantine(attempt, because, result)
        return False
    asked_payer = attempt.status is AttemptStatus.REQUIRES_ACTION
    _note(attempt, result)
    if attempt.EDGES[attempt.status, event] is not attempt.status:
        attempt.transition(event, by=SYSTEM, because=result.message or None, code=result.decline_code)
    attempt.ask_at = next_ask(attempt)
    attempt.ended_at = None if attempt.is_open else clock.now()
    _escalate(attempt)
    if event is E.SUCCEED:
        return True
    if event is E.DECLINE:
        _declined(attempt, order)
    _put_bill_on_paper(attempt.payment_order)
    if not attempt.is_open:
        agreement_outcomes.attempt_failed(attempt, asked_payer=asked_payer)
        if ledger.above_due(attempt.payment_order):  # it was spared while it was being paid
            jobs.stage("payment_orders.lower", payment_order_id=attempt.payment_order_id)
    return False


def lock_chain(attempt_id: int) -> tuple[Attempt, SalesOrder | None]:
    chain = read_columns(CHAIN, attempt_id_=attempt_id).one_or_none()
    if chain is None:
        raise NotFound(f"attempt {attempt_id}")
    lock(Account, chain.account_id)
    order = lock(SalesOrder, chain.order_id) if chain.order_id else None
    lock(PaymentOrder, chain.id)
    return lock(Attempt, attempt_id), order


def _mismatch(attempt: Attempt, result: ChargeResult, known: Known) -> str | None:
    """Why a success is not this attempt's: the gateway's amount and currency are others (invariant 15), or its id is
    that of a charge which pays something else already (invariant 7)."""
    if result.amount != attempt.money or result.provider_id is None:
        return f"The gateway confirmed {result.amount} where {attempt.money} was asked."
    if known.setdefault((attempt.gateway_id, result.provider_id), attempt.id) != attempt.id:
        return f"The gateway confirmed it as {result.provider_id}, which is another payment already."
    return None


def _quarantine(attempt: Attempt, because: str, result: ChargeResult) -> None:
    """An answer that is not about what we asked moves nothing; people must look."""
    attempt.error = because
    attempt.ask_at = clock.now() + ASK_DAILY
    attempt.record("quarantined", by=SYSTEM, because=attempt.error, provider_id=result.provider_id)
    if attempt.is_open and attempt.status is not AttemptStatus.UNKNOWN:
        attempt.transition(E.LOSE_SIGHT, by=SYSTEM, because=attempt.error)
    number, order_id = attempt.payment_order.number, attempt.payment_order.order_id
    escalations.open(Symptom.QUARANTINED, attempt, number, attempt.error, order_id=order_id)
    _put_bill_on_paper(attempt.payment_order)


def _escalate(attempt: Attempt) -> None:
    """Unknown for long: somebody must ask the processor by other means. An end closes it again."""
    if attempt.created_at > clock.now() - ESCALATED_AFTER:
        return
    if not attempt.is_open:
        escalations.clear(Symptom.ATTEMPT_UNKNOWN, attempt, "The gateway has said what became of it.")
    elif attempt.status is AttemptStatus.UNKNOWN:
        number, order_id = attempt.payment_order.number, attempt.payment_order.order_id
        because = attempt.error or "The gateway does not say what became of it."
        facts: dict[str, Any] = {"amount": f"{attempt.money.major} {attempt.currency}", "asked": attempt.asked}
        escalations.open(Symptom.ATTEMPT_UNKNOWN, attempt, number, because, order_id=order_id, **facts)


def _note(attempt: Attempt, result: ChargeResult) -> None:
    attempt.provider_id = result.provider_id or attempt.provider_id
    attempt.next_action = without_address(result.next_action)
    attempt.error = result.message[:500] or None
    attempt.decline_code, attempt.advice = result.decline_code, result.advice
    if result.card is not None:
        attempt.card_label = f"{result.card.brand} ending {result.card.last4}"
    if result.outcome is Outcome.DECLINED:
        attempt.decline_class = declines.explain(result.decline_code, result.advice).kind
    if result.outcome is Outcome.SUCCEEDED and result.token is not None and attempt.method_id is None:
        attempt.method_id = _keep_method(attempt, result.card, result.token, result.customer_ref).id


def without_address(action: dict[str, Any] | None) -> dict[str, Any] | None:
    """Where a redirect leads may hold a secret of the payer's: it is asked for anew by whoever goes there."""
    return {"kind": "redirect"} if action and action["kind"] == "redirect" else action


def next_ask(attempt: Attempt | MethodSetup) -> datetime | None:
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
        attempt.ask_at = next_ask(attempt)


def _captured(attempt: Attempt, result: ChargeResult) -> int:
    """The evidence: one transaction per (gateway, provider id, action), and the work that follows from it. What is only
    held is an authorization, until its capture makes money of it."""
    action = TransactionAction(result.action)
    attempt.held_until = result.authorized_until
    return insert_id(
        Transaction,
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


def _follow(attempts: Sequence[Attempt], transaction_ids: Sequence[int]) -> None:
    """Of what was captured: a checkout that is paid is over, and there is work to be done."""
    card_standing.accepted(attempts)
    figures = ledger.figures([attempt.payment_order_id for attempt in attempts]) if attempts else {}
    for attempt, transaction_id in zip(attempts, transaction_ids, strict=True):
        if not figures[attempt.payment_order_id].balance and attempt.intent.can(IntentEvent.PAY):
            attempt.intent.transition(IntentEvent.PAY, by=attempt.actor)
        append(FOLLOWS, transaction_id=transaction_id, order_id=attempt.payment_order.order_id)
    # Whoever pays is waiting, so it is done at once; the job is for the process that dies before.
    later = clock.now() + timedelta(seconds=15)
    if len(transaction_ids) == 1:
        jobs.stage("post_processing.run", run_after=later, transaction_id=transaction_ids[0])
    elif transaction_ids:
        jobs.stage("post_processing.run_all", run_after=later, transaction_ids=list(transaction_ids))


def _put_bill_on_paper(asked: PaymentOrder) -> None:
    """A period's bill that a charge has not paid; paid, it is put on paper with what was paid. Not here: the answer is
    written down whatever becomes of the paper."""
    if asked.agreement_id is not None and asked.invoice_id is not None:
        jobs.stage("invoices.paper", invoice_id=asked.invoice_id)


def _declined(attempt: Attempt, order: SalesOrder | None) -> None:
    card_standing.refused(attempt)
    if order is None or not attempt.payment_order.first or not order.can(OrderEvent.PAYMENT_DECLINED):
        return
    found = declines.explain(attempt.decline_code, attempt.advice)
    words = f"{found.staff} {found.staff_next}"
    order.tag(TAG_DECLINED)
    order.transition(
        OrderEvent.PAYMENT_DECLINED, by=attempt.actor, because=words, card=attempt.card_label, code=attempt.decline_code
    )
    mails.payment_declined(attempt, reason=words, by=attempt.actor)


def _keep_method(attempt: Attempt, card: CardFacts | None, token: str, customer_ref: str | None) -> PaymentMethod:
    if card is None:
        raise ValueError("a token came without its card")
    how = "checkout" if attempt.actor_kind == "customer" else "told to staff"
    consent = Consent(attempt.consent_text or "", attempt.actor_name, how)
    payment_order = attempt.payment_order
    method = kept_methods.keep(
        payment_order.account_id, payment_order.contact_id, card, consent=consent, by=attempt.actor
    )
    kept_methods.keep_token(method, attempt.gateway_id, token, customer_ref)
    return method
