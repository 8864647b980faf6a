"""The claim of a charge: what is looked at under the locks before an attempt is written, and the row with its frozen
request. Inside the caller's transaction; what it commits is what the gateway hears.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import bindparam, func, select

from ... import audit, clock, settings
from ...access import Permission, demand, salespeople_may_take_payment
from ...ahead import new
from ...badges import said
from ...db import db, lock, read_columns
from ...errors import NotFound, Refusal
from ...gateways.base import ChargeRequest
from ...models import (
    Account,
    Actor,
    ActorKind,
    Approval,
    Attempt,
    Company,
    IntentPurpose,
    OrderKind,
    PaymentIntent,
    PaymentMethod,
    PaymentOrder,
    PaymentProfile,
    SalesOrder,
    Token,
    User,
)
from ...money import Money
from ...queries import ledger, routes
from ...queries.agreements import verdict
from ...states.approval import LIVE as APPROVAL_LIVE
from ...states.attempt import OPEN, AttemptStatus
from ...states.intent import IntentStatus
from ...states.order import OrderStatus
from ...states.payment_order import PaymentOrderStatus
from ...values import Value
from ..methods.gateway_customers import Customer
from . import outcomes

# Asked with every charge, so built once.
CHAIN = (
    select(PaymentOrder.id, PaymentOrder.account_id, PaymentOrder.order_id)
    .join(PaymentIntent, PaymentIntent.payment_order_id == PaymentOrder.id)
    .where(PaymentIntent.id == bindparam("intent_id_"))
)
TRIES = (
    select(Attempt.intent_id, Attempt.status, func.count(Attempt.id).label("tries"))
    .where(Attempt.payment_order_id == bindparam("payment_order_id_"))
    .group_by(Attempt.intent_id, Attempt.status)
)

CARDS = (
    select(PaymentMethod, Token.gateway_id, Token.token, PaymentProfile.customer_ref)
    .join(Token, (Token.method_id == PaymentMethod.id) & Token.valid)
    .join(
        PaymentProfile,
        (PaymentProfile.account_id == PaymentMethod.account_id) & (PaymentProfile.gateway_id == Token.gateway_id),
    )
    .where(PaymentMethod.id.in_(bindparam("method_ids_", expanding=True)))
)


class Instrument(Value):
    """How a charge is paid: a card just entered (the gateway's alias and a label for people) or a saved method."""

    alias: str | None = None
    label: str = ""
    method_id: int | None = None
    save: bool = False
    consent_text: str | None = None


def lock_chain(intent_id: int) -> tuple[PaymentIntent, PaymentOrder, SalesOrder | None]:
    """Account, order, payment order, in the fixed order; the intent as it is now."""
    chain = read_columns(CHAIN, intent_id_=intent_id).one_or_none()
    if chain is None:
        raise NotFound(f"intent {intent_id}")
    lock(Account, chain.account_id)
    order = lock(SalesOrder, chain.order_id) if chain.order_id else None
    payment_order = lock(PaymentOrder, chain.id)
    return db.session.get_one(PaymentIntent, intent_id, populate_existing=True), payment_order, order


def refuse_unless_allowed(intent: PaymentIntent, by: Actor) -> None:
    """By the switch as it stands in the claiming transaction (invariant 18). It binds customers on orders that
    salespeople sent, and salespeople; not the other roles. What an agreement charges by itself needs its verdict."""
    if by.user_id is not None:
        demand(db.session.get_one(User, by.user_id), Permission.PAYMENT_COLLECT)
    elif by.kind is ActorKind.SYSTEM and intent.payment_order.agreement_id is not None:
        verdict.refuse_unless_retryable(intent.payment_order.agreement_id, intent.money)
    elif intent.purpose is IntentPurpose.APPROVAL and _switched_off(intent):
        raise Refusal("payment_switched_off", "Payment is not taken with this approval at the moment.")


def refuse_unless_payable(intent: PaymentIntent, payment_order: PaymentOrder, order: SalesOrder | None) -> None:
    _refuse_dead_link(intent)
    if payment_order.status is not PaymentOrderStatus.OPEN:
        raise Refusal("link_dead", "This payment was cancelled; nothing was charged.", "Ask the sender for a new one.")
    if not ledger.figures([payment_order.id])[payment_order.id].balance:
        raise Refusal("paid", "This is already paid. Nothing more to pay.")
    tries: Any = read_columns(TRIES, payment_order_id_=payment_order.id).all()
    _refuse_while_open(next((row.status for row in tries if row.status in OPEN), None))
    if sum(row.tries for row in tries if row.intent_id == intent.id) >= intent.attempt_limit:
        raise Refusal(
            "attempts_used_up", "This payment was tried too often.", "Contact the sender; they can send a new link."
        )
    if order is not None:
        _refuse_for_order(intent, order)
    if payment_order.account.hold_reason:
        raise Refusal("on_hold", "This account cannot pay at the moment.", "Contact the sender.")


def refuse_beyond_hold(way: routes.Way, order: SalesOrder | None) -> None:
    """What is captured later must still be held when the order starts, and when the last of its lines does
    (spec/payments.md, "Payment order")."""
    if order is None or not way.route.capture_later:
        return
    last, holds = _last_start(order), timedelta(days=settings.fresh(settings.HOLD_DAYS))
    if last is not None and last > clock.today(db.session.get_one(Company, 1).time_zone) + holds:
        raise Refusal(
            "hold_too_short",
            "This order or a part of it starts on %(day)s, and a bank holds an authorized amount only %(holds)s days.",
            "A payment admin can choose a route that takes the money at once.",
            day=last.isoformat(),
            holds=holds.days,
        )


def _last_start(order: SalesOrder) -> date | None:
    """The last day that something of it is promised for and has not begun; no line begins before its order."""
    waiting = [line.activation_date for line in order.lines if line.activated_on is None]
    return max((day for day in (order.start_date, *waiting) if day is not None), default=None)


def _refuse_while_open(status: AttemptStatus | None) -> None:
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


def way_of(
    intent: PaymentIntent, *, by_itself: bool = False, among: Sequence[routes.RouteRow] | None = None
) -> routes.Way:
    """`by_itself`: a running agreement charges its saved method, which a gateway being retired may still allow. `among`
    these routes, where they were loaded before."""
    row = intent.payment_order
    if row.agreement_id is None:
        return routes.choose(routes.asked(row, intent.money), among)
    group = row.account.account_group
    return routes.choose(
        routes.Wanted(intent.currency, intent.amount or None, group, OrderKind.RECURRING, by_itself), among
    )


def refuse_changed_way(way: routes.Way, customer: Customer | None) -> None:
    """Between asking the gateway for its customer and now, the charge may have got another way to go."""
    if customer is not None and customer.gateway_id != way.gateway.id:
        raise Refusal("way_changed", "The way of this payment has just changed; nothing was charged.", "Press again.")


def write(
    intent: PaymentIntent,
    payment_order: PaymentOrder,
    pay_with: Instrument,
    way: routes.Way,
    *,
    by: Actor,
    customer_ref: str | None = None,
    receipt_email: str | None = None,
    fallback_of: int | None = None,
    cards: Cards | None = None,
) -> Attempt:
    """The attempt with its frozen request; its method is one of `cards`, where they were looked up before. Inside the
    claiming transaction."""
    facts = _facts(intent, payment_order, pay_with, way, by)
    if pay_with.method_id is not None:
        facts |= _method(pay_with.method_id, payment_order.account_id, way.gateway.id, cards)
    facts |= {"receipt_email": receipt_email, "fallback_of_id": fallback_of}
    facts |= {"customer_ref": customer_ref} if customer_ref else {}
    request = _request(facts, payment_order, way).as_dict()
    attempt = new(Attempt, **facts, request=request, payment_order=payment_order, intent=intent)
    attempt.record("started", by=by, amount=attempt.amount, currency=attempt.currency, card=attempt.card_label)
    audit.note("charge", payment_order.number, by=by, after={"attempt": attempt.public_id, "amount": attempt.money})
    return attempt


def _facts(
    intent: PaymentIntent, payment_order: PaymentOrder, pay_with: Instrument, way: routes.Way, by: Actor
) -> dict[str, Any]:
    public_id = secrets.token_urlsafe(16)
    return {
        "public_id": public_id,
        "payment_order_id": payment_order.id,
        "intent_id": intent.id,
        "amount": intent.amount,
        "currency": intent.currency,
        "gateway_id": way.gateway.id,
        "route_id": way.route.id,
        "instrument": pay_with.alias,
        "card_label": pay_with.label,
        "save_method": pay_with.save,
        "consent_text": pay_with.consent_text,
        "idempotency_key": f"cs-{public_id}",
        "actor_kind": by.kind,
        "actor_name": by.name,
        "actor_user_id": by.user_id,
        "ask_at": clock.now() + outcomes.ASK_AFTER[0],
    }


# What can be charged where: a saved method with its token and customer, by method and gateway.
Cards = Mapping[tuple[int, int], tuple[PaymentMethod, str, str | None]]


def cards(method_ids: Iterable[int | None]) -> Cards:
    """One statement."""
    wanted = sorted({id for id in method_ids if id is not None})
    rows = db.session.execute(CARDS, {"method_ids_": wanted}).all() if wanted else []
    return {(method.id, gateway_id): (method, token, customer) for method, gateway_id, token, customer in rows}


def _method(method_id: int, account_id: int, gateway_id: int, known: Cards | None) -> dict[str, Any]:
    """A token is used only if valid, on that route, and its payer's (invariant 19)."""
    row = (cards([method_id]) if known is None else known).get((method_id, gateway_id))
    if (
        row is None
        or row[0].account_id != account_id
        or row[0].detached_at
        or row[0].hard_declined_at
        or row[0].expired_on(clock.now().date())
    ):
        raise Refusal(
            "method_not_usable",
            "This saved card cannot be charged on the route that this payment takes.",
            "Take another method, or ask the customer for a new card.",
        )
    return {"method_id": row[0].id, "token": row[1], "customer_ref": row[2], "card_label": row[0].label}


def _request(facts: Mapping[str, Any], payment_order: PaymentOrder, way: routes.Way) -> ChargeRequest:
    return ChargeRequest(
        key=facts["idempotency_key"],
        amount=Money(facts["amount"], facts["currency"]),
        instrument=facts["instrument"],
        token=facts.get("token"),
        customer_ref=facts.get("customer_ref"),
        save=facts["save_method"],
        descriptor=way.route.descriptor,
        metadata={"attempt": facts["public_id"], "payment_order": payment_order.number},
        return_url=f"{current_app.config['BASE_URL']}/checkout/{facts['public_id']}/return",
        # The service goes on meanwhile, so that there is nothing to wait for with a period.
        capture=not way.route.capture_later or payment_order.agreement_id is not None,
        off_session=facts["actor_kind"] != ActorKind.CUSTOMER and facts.get("method_id") is not None,
    )
