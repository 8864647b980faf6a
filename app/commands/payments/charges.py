"""The charge protocol: commit the attempt, call the gateway, commit the outcome; each its own transaction.

Whatever stops a process in between, the attempt row is there and its key is in it, so the sweeper can ask the gateway
what became of it, and never charges again under another key. Money evidence is committed before anything follows
from it; what follows is `post_processing`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from sqlalchemy import bindparam, func, select

from ... import audit, clock, forms, settings
from ...access import Permission, demand, salespeople_may_take_payment
from ...badges import said
from ...db import db, end_read, get, lock, read_columns, transaction
from ...errors import NotFound, Refusal
from ...failpoints import failpoint
from ...gateways import registry
from ...gateways.base import ChargeRequest, ChargeResult, Gateway, GatewayAccount, Outcome
from ...models import (
    Account,
    Actor,
    ActorKind,
    Approval,
    Attempt,
    Company,
    IntentPurpose,
    PaymentIntent,
    PaymentMethod,
    PaymentOrder,
    PaymentProfile,
    SalesOrder,
    Token,
    User,
)
from ...models.method import Gateway as GatewayRow
from ...queries import ledger, routes
from ...states.approval import LIVE as APPROVAL_LIVE
from ...states.attempt import OPEN, AttemptStatus
from ...states.intent import IntentStatus
from ...states.order import OrderStatus
from ...states.payment_order import PaymentOrderStatus
from ..methods import gateway_customers
from ..methods.gateway_customers import Customer
from ..routing import gateway_health
from . import outcomes, post_processing

SEND_AGAIN_WITHIN = timedelta(minutes=10)

# Asked with every charge, so built once.
CHAIN = (
    select(PaymentOrder.id, PaymentOrder.account_id, PaymentOrder.order_id)
    .join(PaymentIntent, PaymentIntent.payment_order_id == PaymentOrder.id)
    .where(PaymentIntent.id == bindparam("intent_id_"))
)
UNDER_WAY = select(Attempt.status).where(
    Attempt.payment_order_id == bindparam("payment_order_id_"), Attempt.status.in_(OPEN)
)
TRIES = select(func.count(Attempt.id)).where(Attempt.intent_id == bindparam("intent_id_"))
ABANDONED = (
    select(Attempt.id)
    .join(PaymentIntent, PaymentIntent.payment_order_id == Attempt.payment_order_id)
    .where(PaymentIntent.id == bindparam("intent_id_"), Attempt.status == AttemptStatus.REQUIRES_ACTION)
)


@dataclass(frozen=True, slots=True)
class Instrument:
    """How a charge is paid: a card just entered (the gateway's alias and a label for people) or a saved method."""

    alias: str | None = None
    label: str = ""
    method_id: int | None = None
    save: bool = False
    consent_text: str | None = None


def start(
    intent_id: int, *, pay_with: Instrument, form_key: str, by: Actor, receipt_email: str | None = None
) -> Attempt:
    """Commit the attempt, before the gateway hears of it. The same form key answers with the same attempt.

    Raises Refusal: `key_reused`, `payment_in_progress`, `paid`, `link_dead`, `link_expired`, `attempts_used_up`,
    `stale_terms`, `payment_switched_off`, `on_hold`, `hold_too_short`, `no_route`, `method_not_usable`; of staff
    `not_permitted` and `switched_off` as well.
    """
    customer = None
    if forms.result(form_key) is None:
        end_abandoned(intent_id)
        customer = _customer(intent_id) if pay_with.save else None
    content = ["charge", intent_id, pay_with.alias, pay_with.method_id]
    with transaction():
        intent, payment_order, order = _lock_chain(intent_id)
        if (known := forms.answered(form_key, content)) is not None:
            return db.session.get_one(Attempt, known["id"])
        _refuse_unless_allowed(intent, by)
        _refuse_unless_payable(intent, payment_order, order)
        way = _way(intent)
        _refuse_changed_way(way, customer)
        _refuse_beyond_hold(way, order)
        attempt = _attempt(intent, payment_order, pay_with, way, by)
        attempt.customer_ref = customer.reference if customer else attempt.customer_ref
        attempt.receipt_email = receipt_email
        attempt.request = _request(attempt, way).as_dict()
        attempt.record("started", by=by, amount=attempt.amount, currency=attempt.currency, card=attempt.card_label)
        audit.note("charge", payment_order.number, by=by, after={"attempt": attempt.public_id, "amount": attempt.money})
        forms.remember(form_key, content, id=attempt.id)
        failpoint("charge.before_attempt_commits")
    failpoint("charge.attempt_committed")
    return attempt


def execute(attempt_id: int) -> Attempt:
    """Call the gateway with the attempt's own key, commit what it said, and let follow what follows."""
    call = _prepare(attempt_id)
    if call is None:
        return db.session.get_one(Attempt, attempt_id)
    gateway, request = call
    end_read()
    result = gateway.charge(request)
    failpoint("charge.answered")
    return settle(attempt_id, result)


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
    if attempt.status is AttemptStatus.REQUIRES_ACTION and attempt.created_at > clock.now() - outcomes.ACTION_EXPIRES:
        return resume(attempt_id)
    key, provider_id, age = attempt.idempotency_key, attempt.provider_id, clock.now() - attempt.created_at
    abandoned = attempt.status is AttemptStatus.REQUIRES_ACTION
    end_read()
    if abandoned and provider_id:
        return settle(attempt_id, gateway.cancel(provider_id, key))
    result = gateway.look_up(key, provider_id)
    if result is not None:
        return settle(attempt_id, result)
    if age < SEND_AGAIN_WITHIN:
        return execute(attempt_id)
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


def _lock_chain(intent_id: int) -> tuple[PaymentIntent, PaymentOrder, SalesOrder | None]:
    """Account, order, payment order, in the fixed order; the intent as it is now."""
    chain = read_columns(CHAIN, intent_id_=intent_id).one_or_none()
    if chain is None:
        raise NotFound(f"intent {intent_id}")
    lock(Account, chain.account_id)
    order = lock(SalesOrder, chain.order_id) if chain.order_id else None
    payment_order = lock(PaymentOrder, chain.id)
    return db.session.get_one(PaymentIntent, intent_id, populate_existing=True), payment_order, order


def _refuse_unless_allowed(intent: PaymentIntent, by: Actor) -> None:
    """By the switch as it stands in the claiming transaction (invariant 18). It binds customers on orders that
    salespeople sent, and salespeople; not the other roles."""
    if by.user_id is not None:
        demand(db.session.get_one(User, by.user_id), Permission.PAYMENT_COLLECT)
    elif intent.purpose is IntentPurpose.APPROVAL and _switched_off(intent):
        raise Refusal("payment_switched_off", "Payment is not taken with this approval at the moment.")


def _refuse_unless_payable(intent: PaymentIntent, payment_order: PaymentOrder, order: SalesOrder | None) -> None:
    _refuse_dead_link(intent)
    if payment_order.status is not PaymentOrderStatus.OPEN:
        raise Refusal("link_dead", "This payment was cancelled; nothing was charged.", "Ask the sender for a new one.")
    if not ledger.figures([payment_order.id])[payment_order.id].balance:
        raise Refusal("paid", "This is already paid. Nothing more to pay.")
    _refuse_while_open(payment_order)
    tries: int = read_columns(TRIES, intent_id_=intent.id).scalar_one()
    if tries >= intent.attempt_limit:
        raise Refusal(
            "attempts_used_up", "This payment was tried too often.", "Contact the sender; they can send a new link."
        )
    if order is not None:
        _refuse_for_order(intent, order)
    if payment_order.account.hold_reason:
        raise Refusal("on_hold", "This account cannot pay at the moment.", "Contact the sender.")


def _refuse_beyond_hold(way: routes.Way, order: SalesOrder | None) -> None:
    """What is captured later must still be held when the order starts (spec/payments.md, "Payment order")."""
    if order is None or order.start_date is None or not way.route.capture_later:
        return
    holds = timedelta(days=settings.fresh(settings.HOLD_DAYS))
    if order.start_date > clock.today(db.session.get_one(Company, 1).time_zone) + holds:
        raise Refusal(
            "hold_too_short",
            "This order starts on %(day)s, and a bank holds an authorized amount only %(holds)s days.",
            "A payment admin can choose a route that takes the money at once.",
            day=order.start_date.isoformat(),
            holds=holds.days,
        )


def _refuse_while_open(payment_order: PaymentOrder) -> None:
    status = read_columns(UNDER_WAY, payment_order_id_=payment_order.id).scalars().first()
    if status is AttemptStatus.REQUIRES_ACTION:
        raise Refusal("payment_in_progress", "A payment is waiting to be confirmed with the bank.")
    if status is not None:
        raise Refusal("payment_in_progress", "A payment is already being confirmed. It will not be charged twice.")


def _refuse_dead_link(intent: PaymentIntent) -> None:
    if intent.status is IntentStatus.PAID:
        raise Refusal("paid", "This is already paid. Nothing more to pay.")
    if intent.status is not IntentStatus.LIVE:
        raise Refusal(
            "link_dead",
            "This payment link is %(state)s.",
            "Ask the sender for a new one.",
            state=said("intent", intent.status),
        )
    if intent.expires_at <= clock.now():
        raise Refusal("link_expired", "This payment link has expired.", "Ask the sender for a new one.")


def _refuse_for_order(intent: PaymentIntent, order: SalesOrder) -> None:
    if order.status is OrderStatus.CANCELLED:
        raise Refusal("link_dead", "This order was cancelled; nothing was charged.")
    if intent.edition is not None and intent.payment_order.first and intent.edition != order.edition:
        raise Refusal("stale_terms", "The order has changed since. Reload the page to see what it is now.")


def _switched_off(intent: PaymentIntent) -> bool:
    sent_by_salesperson = db.session.scalar(
        select(Approval.by_salesperson).where(
            Approval.payment_order_id == intent.payment_order_id, Approval.status.in_(APPROVAL_LIVE)
        )
    )
    return bool(sent_by_salesperson) and not salespeople_may_take_payment(fresh=True)


def _way(intent: PaymentIntent) -> routes.Way:
    payment_order = intent.payment_order
    return routes.choose(routes.wanted(payment_order.account_id, intent.money, payment_order.order_id))


def _refuse_changed_way(way: routes.Way, customer: Customer | None) -> None:
    """Between asking the gateway for its customer and now, the charge may have got another way to go."""
    if customer is not None and customer.gateway_id != way.gateway.id:
        raise Refusal("way_changed", "The way of this payment has just changed; nothing was charged.", "Press again.")


def _attempt(
    intent: PaymentIntent, payment_order: PaymentOrder, pay_with: Instrument, way: routes.Way, by: Actor
) -> Attempt:
    public_id = secrets.token_urlsafe(16)
    attempt = Attempt(
        public_id=public_id,
        payment_order_id=payment_order.id,
        payment_order=payment_order,
        intent_id=intent.id,
        intent=intent,
        amount=intent.amount,
        currency=intent.currency,
        gateway_id=way.gateway.id,
        route_id=way.route.id,
        instrument=pay_with.alias,
        card_label=pay_with.label,
        save_method=pay_with.save,
        consent_text=pay_with.consent_text,
        idempotency_key=f"cs-{public_id}",
        actor_kind=by.kind,
        actor_name=by.name,
        actor_user_id=by.user_id,
        ask_at=clock.now() + outcomes.ASK_AFTER[0],
    )
    if pay_with.method_id is not None:
        _use_method(attempt, pay_with.method_id, payment_order.account_id, way.gateway.id)
    db.session.add(attempt)
    db.session.flush()
    return attempt


def _use_method(attempt: Attempt, method_id: int, account_id: int, gateway_id: int) -> None:
    """A token is used only if valid, on that route, and its payer's (invariant 19)."""
    row = db.session.execute(
        select(PaymentMethod, Token.token, PaymentProfile.customer_ref)
        .join(Token, (Token.method_id == PaymentMethod.id) & (Token.gateway_id == gateway_id) & Token.valid)
        .join(
            PaymentProfile,
            (PaymentProfile.account_id == PaymentMethod.account_id) & (PaymentProfile.gateway_id == gateway_id),
        )
        .where(PaymentMethod.id == method_id, PaymentMethod.account_id == account_id)
    ).one_or_none()
    if row is None or row[0].detached_at or row[0].hard_declined_at or row[0].expired_on(clock.now().date()):
        raise Refusal(
            "method_not_usable",
            "This saved card cannot be charged on the route that this payment takes.",
            "Take another method, or ask the customer for a new card.",
        )
    attempt.method_id, attempt.token, attempt.customer_ref = row[0].id, row[1], row[2]
    attempt.card_label = row[0].label


def _request(attempt: Attempt, way: routes.Way) -> ChargeRequest:
    return ChargeRequest(
        key=attempt.idempotency_key,
        amount=attempt.money,
        instrument=attempt.instrument,
        token=attempt.token,
        customer_ref=attempt.customer_ref,
        save=attempt.save_method,
        descriptor=way.route.descriptor,
        metadata={"attempt": attempt.public_id, "payment_order": attempt.payment_order.number},
        return_url=f"{current_app.config['BASE_URL']}/checkout/{attempt.public_id}/return",
        capture=not way.route.capture_later,
        off_session=attempt.actor_kind != ActorKind.CUSTOMER and attempt.method_id is not None,
    )


def _adapter(gateway_id: int) -> GatewayAccount:
    return registry.account_of(db.session.get_one(GatewayRow, gateway_id))


def _prepare(attempt_id: int) -> tuple[Gateway, ChargeRequest] | None:
    """The adapter and the frozen request of an attempt that may be sent; None if its end is already known, or if it
    is so old that the gateway may have forgotten its key: then it is only asked about (invariant 10)."""
    attempt = db.session.get(Attempt, attempt_id, populate_existing=True)
    if attempt is None:
        raise NotFound(f"attempt {attempt_id}")
    if not attempt.is_open or attempt.status is AttemptStatus.REQUIRES_ACTION:
        return None
    if attempt.created_at <= clock.now() - SEND_AGAIN_WITHIN:
        return None
    return registry.for_account(_adapter(attempt.gateway_id)), ChargeRequest.from_dict(attempt.request)


def _open_call(attempt_id: int) -> tuple[Gateway, Attempt] | None:
    attempt = db.session.get(Attempt, attempt_id, populate_existing=True)
    if attempt is None:
        raise NotFound(f"attempt {attempt_id}")
    if not attempt.is_open:
        return None
    return registry.for_account(_adapter(attempt.gateway_id)), attempt


def end_abandoned(intent_id: int) -> None:
    """A try left at the bank's question is cancelled, at the gateway too, before another one starts."""
    left = read_columns(ABANDONED, intent_id_=intent_id).scalars().first()
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
    return gateway_customers.ensure(payment_order.account, payment_order.contact, _way(intent).gateway)
