"""Checkouts and the links to them. The token is minted when a mail leaves; here are only the rows it stands for."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import func, select

from ... import audit, clock, forms, jobs, settings
from ...access import Permission, demand
from ...ahead import new
from ...badges import said
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...mail import recipients, suppression
from ...models import (
    SYSTEM,
    Account,
    Actor,
    Attempt,
    Company,
    IntentPurpose,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    SalesOrder,
    User,
)
from ...money import Money
from ...queries import ledger, routes
from ...states.intent import IntentEvent, IntentStatus
from ...states.mail import MailStatus
from ...states.order import OrderStatus
from ...states.payment_order import PaymentOrderStatus
from ..post import mails
from . import payment_orders
from .payment_orders import being_paid, money_under_way


def live_intent(payment_order_id: int) -> PaymentIntent | None:
    return db.session.scalars(
        select(PaymentIntent).where(
            PaymentIntent.payment_order_id == payment_order_id, PaymentIntent.status == IntentStatus.LIVE
        )
    ).one_or_none()


def usable_link(payment_order_id: int) -> PaymentIntent | None:
    """The live link that can still be paid with, so that sending means sending the same one again."""
    intent = live_intent(payment_order_id)
    if intent is None or intent.purpose is not IntentPurpose.LINK or intent.expires_at <= clock.now():
        return None
    tries = db.session.scalar(select(func.count(Attempt.id)).where(Attempt.intent_id == intent.id)) or 0
    return intent if tries < intent.attempt_limit else None


def new_end(payment_order: PaymentOrder) -> datetime:
    """Of a link that is made now."""
    return payment_order.link_end(settings.fresh(settings.PAYMENT_LINK_DAYS), get(Company, 1).time_zone)


def open_intent(
    payment_order: PaymentOrder, purpose: IntentPurpose, expires_at: datetime, *, by: Actor
) -> PaymentIntent:
    """A new checkout of what is still to be collected; the one before is superseded. Inside a transaction.

    Raises Refusal `stale_terms`: the first payment is asked for by the order as it stands, or not at all.
    """
    lock(PaymentOrder, payment_order.id)
    order = payment_order.order
    if payment_order.first and order is not None and payment_order.edition != order.edition:
        raise Refusal(
            "stale_terms",
            "The order has changed since %(number)s was made.",
            "Ask for the first payment anew; what came in part counts for it.",
            number=payment_order.number,
        )
    previous = live_intent(payment_order.id)
    if previous is not None:
        previous.transition(IntentEvent.SUPERSEDE, by=by)
    balance = ledger.figures([payment_order.id])[payment_order.id].balance
    return new_intent(payment_order, purpose, expires_at, balance, by=by)


def new_intent(
    payment_order: PaymentOrder, purpose: IntentPurpose, expires_at: datetime, amount: int, *, by: Actor
) -> PaymentIntent:
    """Where there is no other one. Inside a transaction."""
    row = new(
        PaymentIntent,
        public_id=secrets.token_urlsafe(16),
        payment_order_id=payment_order.id,
        payment_order=payment_order,
        purpose=purpose,
        amount=amount,
        currency=payment_order.currency,
        edition=payment_order.edition,
        attempt_limit=settings.fresh(settings.ATTEMPT_LIMIT),
        expires_at=expires_at,
    )
    row.record("opened", by=by, purpose=purpose, amount=row.amount, currency=row.currency)
    return row


def blocks(payment_order: PaymentOrder) -> list[Refusal]:
    """Everything that keeps a link from being sent, for preflight (which shows all) and send (which raises one)."""
    order = payment_order.order
    found = [*_nothing_to_collect(payment_order), *(of_order(order) if order is not None else [])]
    if payment_order.account.hold_reason:
        found.append(payment_orders.on_hold(payment_order.account))
    for ready in (_reachable, _route_of):
        try:
            ready(payment_order)
        except Refusal as refusal:
            found.append(refusal)
    return found


def _reachable(row: PaymentOrder) -> None:
    suppression.refuse(recipients.for_link(row))


def _route_of(row: PaymentOrder) -> routes.Way:
    balance = Money(ledger.figures([row.id])[row.id].balance, row.currency)
    return routes.choose(routes.asked(row, balance))


def _nothing_to_collect(row: PaymentOrder) -> list[Refusal]:
    if row.status is not PaymentOrderStatus.OPEN:
        return [Refusal("cancelled", "%(number)s is cancelled.", number=row.number)]
    if not ledger.figures([row.id])[row.id].balance:
        return [Refusal("paid", "%(number)s is paid; there is nothing left to collect.", number=row.number)]
    return [_in_progress(row)] if _paying(row) else []


def of_order(order: SalesOrder) -> list[Refusal]:
    """What of the order keeps a link to pay for it from being sent."""
    found = []
    if order.status is OrderStatus.CANCELLED:
        found.append(Refusal("cancelled", "%(order)s is cancelled; nothing is collected for it.", order=order.number))
    if payment_orders.held_by_customer(order):
        found.append(
            Refusal(
                "awaiting_approval",
                "The customer pays this order where they sign it; a separate link would go round the signature.",
                "Send the approval mail again instead.",
            )
        )
    if order.quote_id is None:
        found.append(
            Refusal(
                "missing_quote",
                "The order has no quote, so no payment mail goes out for it.",
                "Sales operations can link the quote.",
            )
        )
    if order.opportunity_id is None:
        found.append(
            Refusal(
                "missing_opportunity",
                "The order has no opportunity, so no payment mail goes out for it.",
                "Sales operations can link the opportunity.",
            )
        )
    return found


def send(payment_order_id: int, *, form_key: str, by: User) -> OrderEmail:
    """Mail the payment link: the usable one again if there is one, else a new one, which ends the one before.

    Raises Refusal: `not_permitted`, the first of `blocks`, `mail_on_its_way`, `key_reused`.
    """
    content = ["payment_link", payment_order_id]
    with transaction():
        demand(by, Permission.PAYMENT_LINK_SEND)
        row = hold(payment_order_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(OrderEmail, known["id"])
        for refusal in blocks(row):
            raise refusal
        intent, again = usable_link(row.id), form_key
        if intent is None:
            intent, again = open_intent(row, IntentPurpose.LINK, new_end(row), by=Actor.of(by)), ""
        _refuse_doubled_mail(intent)
        mail = mails.payment_link(intent, again=again, by=by)
        audit.note(
            "payment_link.send", row.number, by=Actor.of(by), after={"to": [r["address"] for r in mail.recipients]}
        )
        forms.remember(form_key, content, id=mail.id)
        return mail


def resend(payment_order_id: int, *, form_key: str, by: User) -> OrderEmail:
    """Mail the very link the customer has once more. Raises what `send` raises, and Refusal `no_live_link`."""
    with transaction():
        if forms.result(form_key) is None and usable_link(payment_order_id) is None:
            raise Refusal("no_live_link", "There is no live link to send again.", "Send a new payment link.")
        return send(payment_order_id, form_key=form_key, by=by)


def _refuse_doubled_mail(intent: PaymentIntent) -> None:
    """A second mail to the very people whose first one has not left yet."""
    to = [r.address for r in recipients.for_link(intent.payment_order)]
    waiting = db.session.scalars(
        select(OrderEmail.recipients).where(
            OrderEmail.link_public_id == intent.public_id,
            OrderEmail.status.in_((MailStatus.QUEUED, MailStatus.SENDING)),
        )
    )
    if any([r["address"] for r in row] == to for row in waiting):
        raise Refusal("mail_on_its_way", "The mail with this link is on its way; there is no need for a second one.")


def revoke(intent_id: int, *, because: str, by: User) -> PaymentIntent:
    """Make a link dead. Raises Refusal: `not_permitted`, `payment_in_progress`, `not_live`, `approval_link`."""
    with transaction():
        demand(by, Permission.PAYMENT_LINK_SEND)
        intent = get(PaymentIntent, intent_id)
        row = hold(intent.payment_order_id)
        db.session.refresh(intent)
        if intent.purpose is IntentPurpose.APPROVAL:
            raise Refusal(
                "approval_link",
                "This checkout belongs to the approval that the customer was sent.",
                "Convert the order to draft; that ends the approval and its payment.",
            )
        refuse_while_paying(row)
        if not intent.can(IntentEvent.REVOKE):
            raise Refusal("not_live", "This link is already %(state)s.", state=said("intent", intent.status))
        intent.transition(IntentEvent.REVOKE, by=Actor.of(by), because=because)
        audit.note("payment_link.revoke", row.number, by=Actor.of(by), after={"because": because})
        return intent


@jobs.tick("payment_links.expire_due", every=timedelta(minutes=1))
def expire_due() -> int:
    """Live intents whose time is over become expired; those of an open attempt wait for its end. Returns how many."""
    due = db.session.scalars(
        select(PaymentIntent.id).where(
            PaymentIntent.status == IntentStatus.LIVE, PaymentIntent.expires_at <= clock.now()
        )
    ).all()
    return jobs.each("payment_links.expire_due", due, _expire)


def _expire(intent_id: int) -> bool:
    with transaction():
        intent = get(PaymentIntent, intent_id)
        row = hold(intent.payment_order_id)
        db.session.refresh(intent)
        if intent.status is not IntentStatus.LIVE or intent.expires_at > clock.now() or _paying(row):
            return False
        intent.transition(IntentEvent.EXPIRE, by=SYSTEM)
        return True


def hold(payment_order_id: int) -> PaymentOrder:
    """The payment order, held, and before it its account and order. Inside a transaction."""
    row = get(PaymentOrder, payment_order_id)
    lock(Account, row.account_id)
    if row.order_id:
        lock(SalesOrder, row.order_id)
    return lock(PaymentOrder, payment_order_id)


def _paying(row: PaymentOrder) -> bool:
    return money_under_way(row.order_id) if row.order_id is not None else being_paid(row)


def refuse_while_paying(row: PaymentOrder) -> None:
    """Raises Refusal `payment_in_progress`: whatever changes a link waits for the end of a payment."""
    if _paying(row):
        raise _in_progress(row)


def _in_progress(row: PaymentOrder) -> Refusal:
    return Refusal(
        "payment_in_progress",
        "A payment on %(number)s is in progress; its outcome is not known yet.",
        "Wait until the gateway has confirmed it.",
        number=row.number,
    )
