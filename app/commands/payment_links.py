"""Checkouts and the links to them. The token is minted when a mail leaves; here are only the rows it stands for."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import select

from .. import audit, clock, forms, settings
from ..access import Permission, demand
from ..db import db, lock, transaction
from ..errors import NotFound, Refusal
from ..models import Account, Actor, IntentPurpose, OrderEmail, PaymentIntent, PaymentOrder, SalesOrder, User
from ..queries import ledger, routes
from ..states.intent import IntentEvent, IntentStatus
from ..states.order import WITH_CUSTOMER
from ..states.payment_order import PaymentOrderStatus
from . import mails
from .payment_orders import has_open_attempt


def live_intent(payment_order_id: int) -> PaymentIntent | None:
    return db.session.scalars(
        select(PaymentIntent).where(
            PaymentIntent.payment_order_id == payment_order_id, PaymentIntent.status == IntentStatus.LIVE
        )
    ).one_or_none()


def open_intent(
    payment_order: PaymentOrder, purpose: IntentPurpose, expires_at: datetime, *, by: Actor
) -> PaymentIntent:
    """A new checkout of what is still to be collected; the one before is superseded. Inside a transaction."""
    lock(PaymentOrder, payment_order.id)
    previous = live_intent(payment_order.id)
    if previous is not None:
        previous.transition(IntentEvent.SUPERSEDE, by=by)
    row = PaymentIntent(
        public_id=secrets.token_urlsafe(16),
        payment_order_id=payment_order.id,
        payment_order=payment_order,
        purpose=purpose,
        amount=ledger.figures([payment_order.id])[payment_order.id].balance,
        currency=payment_order.currency,
        edition=payment_order.edition,
        attempt_limit=settings.fresh(settings.ATTEMPT_LIMIT),
        expires_at=expires_at,
    )
    db.session.add(row)
    row.record("opened", by=by, purpose=purpose, amount=row.amount, currency=row.currency)
    return row


def blocks(payment_order: PaymentOrder) -> list[Refusal]:
    """Everything that keeps a link from being sent, for preflight (which shows all) and send (which raises one)."""
    found: list[Refusal] = []
    order = payment_order.order
    if payment_order.status is not PaymentOrderStatus.OPEN:
        found.append(Refusal("cancelled", f"{payment_order.number} is cancelled."))
    if not ledger.figures([payment_order.id])[payment_order.id].balance:
        found.append(Refusal("paid", f"{payment_order.number} is paid; there is nothing left to collect."))
    if order is not None and order.status in WITH_CUSTOMER:
        found.append(
            Refusal(
                "awaiting_approval",
                "The customer pays this order where they sign it; a separate link would go round the signature.",
                "Send the approval mail again instead.",
            )
        )
    if order is not None and (order.quote_id is None or order.opportunity_id is None):
        missing = "quote" if order.quote_id is None else "opportunity"
        found.append(
            Refusal(
                f"missing_{missing}",
                f"The order has no {missing}, so no payment mail goes out for it.",
                f"Sales operations can link the {missing}.",
            )
        )
    if payment_order.account.hold_reason:
        found.append(
            Refusal("on_hold", f"{payment_order.account.name} is on hold: {payment_order.account.hold_reason}")
        )
    if payment_order.contact is None or not payment_order.contact.email:
        found.append(Refusal("no_contact", "There is no contact with an email address to send the link to."))
    try:
        routes.choose(payment_order.currency)
    except Refusal as refusal:
        found.append(refusal)
    return found


def send(payment_order_id: int, *, form_key: str, by: User) -> OrderEmail:
    """Mail the payment link: the live one again if there is one, else a new one. Raises the first of `blocks`."""
    content = ["payment_link", payment_order_id]
    with transaction():
        demand(by, Permission.PAYMENT_LINK_SEND)
        row = _locked(payment_order_id)
        if (known := forms.answered(form_key, content)) is not None:
            return db.session.get_one(OrderEmail, known["id"])
        for refusal in blocks(row):
            raise refusal
        intent = live_intent(row.id)
        if intent is not None and intent.purpose is IntentPurpose.LINK and intent.expires_at > clock.now():
            mail = mails.resend(mails.payment_link(intent, by=by).id, form_key=form_key, by=by)
        else:
            _refuse_while_paying(row)
            life = timedelta(days=settings.fresh(settings.PAYMENT_LINK_DAYS))
            intent = open_intent(row, IntentPurpose.LINK, clock.now() + life, by=Actor.of(by))
            mail = mails.payment_link(intent, by=by)
        audit.note("payment_link.send", row.number, by=Actor.of(by))
        forms.remember(form_key, content, id=mail.id)
        return mail


def revoke(intent_id: int, *, because: str, by: User) -> PaymentIntent:
    """Make a link dead. Raises Refusal: `payment_in_progress`, `not_live`, `approval_link`."""
    with transaction():
        demand(by, Permission.PAYMENT_LINK_SEND)
        intent = _intent(intent_id)
        row = _locked(intent.payment_order_id)
        db.session.refresh(intent)
        if intent.purpose is IntentPurpose.APPROVAL:
            raise Refusal(
                "approval_link",
                "This checkout belongs to the approval that the customer was sent.",
                "Convert the order to draft; that ends the approval and its payment.",
            )
        _refuse_while_paying(row)
        if not intent.can(IntentEvent.REVOKE):
            raise Refusal("not_live", f"This link is already {intent.status}.")
        intent.transition(IntentEvent.REVOKE, by=Actor.of(by), because=because)
        audit.note("payment_link.revoke", row.number, by=Actor.of(by), after={"because": because})
        return intent


def expire_due() -> int:
    """Live intents whose time is over become expired; those of an open attempt wait for its end. Returns how many."""
    due = db.session.scalars(
        select(PaymentIntent.id).where(
            PaymentIntent.status == IntentStatus.LIVE, PaymentIntent.expires_at <= clock.now()
        )
    ).all()
    return sum(_expire(intent_id) for intent_id in due)


def _expire(intent_id: int) -> bool:
    from ..models.machine import SYSTEM

    with transaction():
        intent = _intent(intent_id)
        row = _locked(intent.payment_order_id)
        db.session.refresh(intent)
        if intent.status is not IntentStatus.LIVE or intent.expires_at > clock.now() or _paying(row):
            return False
        intent.transition(IntentEvent.EXPIRE, by=SYSTEM)
        return True


def _intent(intent_id: int) -> PaymentIntent:
    intent = db.session.get(PaymentIntent, intent_id)
    if intent is None:
        raise NotFound(f"intent {intent_id}")
    return intent


def _locked(payment_order_id: int) -> PaymentOrder:
    row = db.session.get(PaymentOrder, payment_order_id)
    if row is None:
        raise NotFound(f"payment order {payment_order_id}")
    lock(Account, row.account_id)
    if row.order_id:
        lock(SalesOrder, row.order_id)
    return lock(PaymentOrder, payment_order_id)


def _paying(row: PaymentOrder) -> bool:
    return row.order_id is not None and has_open_attempt(row.order_id)


def _refuse_while_paying(row: PaymentOrder) -> None:
    if _paying(row):
        raise Refusal(
            "payment_in_progress", f"A payment on {row.number} is in progress; wait until its outcome is known."
        )
