"""The charge protocol: commit the attempt, call the gateway, commit the outcome; each its own transaction.

Whatever stops a process in between, the attempt row is there and its key is in it, so the sweeper can ask the gateway
what became of it, and never charges again under another key. Money evidence is committed before anything follows
from it; what follows is `post_processing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, exists, select

from ... import clock, forms
from ...db import db, end_read, get, lock, read_columns, transaction
from ...errors import NotFound
from ...failpoints import failpoint
from ...gateways import registry
from ...gateways.base import ChargeRequest, ChargeResult, GatewayAccount, NotAvailable, Outcome
from ...gateways.base import Gateway as Adapter
from ...logs import log
from ...models import (
    Actor,
    Attempt,
    Gateway,
    PaymentIntent,
)
from ...models.job import FormKey
from ...states.attempt import OPEN, AttemptStatus
from ...values import Value
from ..methods import gateway_customers
from ..methods.gateway_customers import Customer
from ..routing import gateway_health
from . import claims, fallbacks, outcomes, post_processing
from .claims import Instrument

SEND_AGAIN_WITHIN = timedelta(minutes=10)

ABANDONED = (
    select(Attempt.id)
    .join(PaymentIntent, PaymentIntent.payment_order_id == Attempt.payment_order_id)
    .where(PaymentIntent.id == bindparam("intent_id_"), Attempt.status == AttemptStatus.REQUIRES_ACTION)
    .where(~exists().where(FormKey.key == bindparam("form_key_")))
)
_CALL = select(
    *(Attempt.id, Attempt.gateway_id, Attempt.status, Attempt.created_at, Attempt.request),
    *(Gateway.key, Gateway.kind, Gateway.mode, Gateway.currencies),
).join(Gateway, Gateway.id == Attempt.gateway_id)
CALL = _CALL.where(Attempt.id == bindparam("attempt_id_"))
CALLS = _CALL.where(Attempt.id.in_(bindparam("attempt_ids_", expanding=True)))


def start(
    intent_id: int, *, pay_with: Instrument, form_key: str, by: Actor, receipt_email: str | None = None
) -> Attempt:
    """Commit the attempt, before the gateway hears of it. The same form key answers with the same attempt.

    Raises Refusal: `key_reused`, `payment_in_progress`, `paid`, `link_dead`, `link_expired`, `attempts_used_up`,
    `stale_terms`, `payment_switched_off`, `on_hold`, `hold_too_short`, `no_route`, `method_not_usable`; of staff
    `not_permitted` and `switched_off` as well.
    """
    end_abandoned(intent_id, form_key)
    customer = _customer(intent_id) if pay_with.save and forms.result(form_key) is None else None
    content = ["charge", intent_id, pay_with.alias, pay_with.method_id]
    with transaction():
        intent, payment_order, order = claims.lock_chain(intent_id)
        if (known := forms.answered(form_key, content)) is not None:
            return _again(known["id"])
        claims.refuse_unless_allowed(intent, by)
        claims.refuse_unless_payable(intent, payment_order, order)
        way = claims.way_of(intent)
        claims.refuse_changed_way(way, customer)
        claims.refuse_beyond_hold(way, order)
        attempt = claims.write(
            intent,
            payment_order,
            pay_with,
            way,
            by=by,
            customer_ref=customer.reference if customer else None,
            receipt_email=receipt_email,
        )
        forms.remember(form_key, content, id=attempt.id)
        failpoint("charge.before_attempt_commits")
    failpoint("charge.attempt_committed")
    return attempt


def execute(attempt_id: int) -> Attempt:
    """Call the gateway with the attempt's own key, commit what it said, and let follow what follows."""
    call = _prepare(attempt_id)
    if call is None:
        return db.session.get_one(Attempt, attempt_id, populate_existing=True)
    gateway, request = call
    end_read()
    result = gateway.charge(request)
    failpoint("charge.answered")
    return answered(attempt_id, result)


def answered(attempt_id: int, result: ChargeResult) -> Attempt:
    """What follows from the gateway's answer to a charge; where it reached nobody, another gateway is asked."""
    if not result.sent and fallbacks.end_unsent(attempt_id, result.message):
        other = fallbacks.claim(attempt_id)
        return execute(other) if other is not None else get(Attempt, attempt_id)
    return settle(attempt_id, result)


def _again(attempt_id: int) -> Attempt:
    """The same form once more: its attempt, or what took its place. It will be sent once more, by whoever asks, so from
    now on no single call knows what became of all of them. Inside a transaction, account locked."""
    attempt = db.session.scalars(select(Attempt).where(Attempt.fallback_of_id == attempt_id)).one_or_none()
    attempt = attempt or db.session.get_one(Attempt, attempt_id)
    if attempt.is_open:
        attempt.called_at = clock.now()
    return attempt


def _send_again(attempt_id: int) -> Attempt:
    with transaction():
        attempt = lock(Attempt, attempt_id)
        if attempt.is_open:
            attempt.called_at = clock.now()
    return execute(attempt_id)


def resume(attempt_id: int) -> Attempt:
    """The payer is back from the next action (3-D Secure): ask what became of it."""
    found = _open_call(attempt_id)
    if found is None:
        return db.session.get_one(Attempt, attempt_id)
    gateway, attempt = found
    if attempt.provider_id is None:
        return ask(attempt_id)
    provider_id, key = attempt.provider_id, attempt.idempotency_key
    end_read()
    return settle(attempt_id, gateway.resume(provider_id, key))


def ask(attempt_id: int) -> Attempt:
    """Ask the gateway about an attempt whose end is not known. Never guesses, never charges under a new key."""
    found = _open_call(attempt_id)
    if found is None:
        return db.session.get_one(Attempt, attempt_id)
    gateway, attempt = found
    key, provider_id, age = attempt.idempotency_key, attempt.provider_id, clock.now() - attempt.created_at
    asks_payer, abandoned = attempt.status is AttemptStatus.REQUIRES_ACTION, age >= outcomes.ACTION_EXPIRES
    if asks_payer and not abandoned:
        return resume(attempt_id)
    end_read()
    if asks_payer and provider_id:
        return settle(attempt_id, gateway.cancel(provider_id, key))
    result = gateway.look_up(key, provider_id)
    if result is not None and result.outcome is Outcome.REQUIRES_ACTION and result.provider_id and abandoned:
        result = gateway.cancel(result.provider_id, key)  # out of sight while its time ran out
    if result is not None:
        return settle(attempt_id, result)
    if age < SEND_AGAIN_WITHIN:
        return _send_again(attempt_id)
    return settle(attempt_id, _never_arrived())


def _never_arrived() -> ChargeResult:
    return ChargeResult(
        Outcome.FAILED,
        None,
        None,
        decline_code="never_arrived",
        message="The gateway has no record of this payment; nothing was charged.",
    )


def settle(attempt_id: int, result: ChargeResult) -> Attempt:
    """Write down what the gateway said, and let follow what follows."""
    attempt, transaction_id = outcomes.write(attempt_id, result)
    gateway_health.heard(attempt.gateway_id, result.outcome, result.message)
    failpoint("charge.outcome_committed")
    if transaction_id is not None:
        post_processing.run(transaction_id)
    return attempt


class Call(Value):
    """An attempt that may be sent `until` then, and how."""

    attempt_id: int
    gateway: Adapter
    request: ChargeRequest
    until: datetime


def prepare(attempt_ids: Sequence[int]) -> list[Call]:
    """Of these those that may be sent, to be called with no transaction open."""
    rows: Any = [row for row in read_columns(CALLS, attempt_ids_=list(attempt_ids)).all() if _may_be_sent(row)]
    adapters = {row.gateway_id: adapter for row in rows if (adapter := _available(row)) is not None}
    end_read()
    return [
        Call(
            row.id,
            adapters[row.gateway_id],
            ChargeRequest.from_dict(row.request),
            row.created_at + SEND_AGAIN_WITHIN,
        )
        for row in rows
        if row.gateway_id in adapters
    ]


def _available(row: Any) -> Adapter | None:
    """None where it may not be used here: its attempts wait for the sweeper, and hold up no others."""
    try:
        return registry.get(row)
    except NotAvailable as refusal:
        log.error("charge.no_gateway", gateway=row.gateway_id, because=str(refusal))
        return None


def _may_be_sent(row: Any) -> bool:
    if row.status not in OPEN or row.status is AttemptStatus.REQUIRES_ACTION:
        return False
    return bool(row.created_at > clock.now() - SEND_AGAIN_WITHIN)


def _adapter(gateway_id: int) -> GatewayAccount:
    return registry.account_of(db.session.get_one(Gateway, gateway_id))


def _prepare(attempt_id: int) -> tuple[Adapter, ChargeRequest] | None:
    """The adapter and the frozen request of an attempt that may be sent; None if its end is already known, or if it
    is so old that the gateway may have forgotten its key: then it is only asked about (invariant 10)."""
    row: Any = read_columns(CALL, attempt_id_=attempt_id).one_or_none()
    if row is None:
        raise NotFound(f"attempt {attempt_id}")
    if not _may_be_sent(row):
        return None
    return registry.get(row), ChargeRequest.from_dict(row.request)


def _open_call(attempt_id: int) -> tuple[Adapter, Attempt] | None:
    attempt = db.session.get(Attempt, attempt_id, populate_existing=True)
    if attempt is None:
        raise NotFound(f"attempt {attempt_id}")
    if not attempt.is_open:
        return None
    return registry.for_account(_adapter(attempt.gateway_id)), attempt


def end_abandoned(intent_id: int, form_key: str = "") -> None:
    """A try left at the bank's question is cancelled, at the gateway too, before another one starts. The same form once
    more starts no other one."""
    left = read_columns(ABANDONED, intent_id_=intent_id, form_key_=form_key).scalars().first()
    if left is None or (found := _open_call(left)) is None:
        return
    gateway, attempt = found
    provider_id, key = attempt.provider_id, attempt.idempotency_key
    end_read()
    if provider_id is not None:
        settle(left, gateway.cancel(provider_id, key))


def _customer(intent_id: int) -> Customer:
    """The payer as a customer of the gateway, asked for before the attempt is frozen."""
    intent = get(PaymentIntent, intent_id)
    payment_order = intent.payment_order
    return gateway_customers.ensure(payment_order.account, payment_order.contact, claims.way_of(intent).gateway)
