"""The checkout of a period that dunning asks for: the link in its mails, shared with the charges it makes again, so
that a retry never ends the link a customer was sent."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from ... import clock
from ...db import db
from ...errors import Refusal
from ...models import SYSTEM, Attempt, IntentPurpose, PaymentIntent, PaymentOrder
from ...states.attempt import OPEN
from ..payments import payment_links

CHECKOUT = timedelta(hours=1)


def for_mail(payment_order: PaymentOrder) -> PaymentIntent:
    """The usable link, or a new one. Inside a transaction, account held. Raises Refusal: the first that keeps a link
    from being sent, `payment_in_progress`."""
    for refusal in payment_links.blocks(payment_order):
        raise refusal
    _refuse_while_charging(payment_order)
    known = payment_links.usable_link(payment_order.id)
    if known is not None:
        return known
    return payment_links.open_intent(payment_order, IntentPurpose.LINK, payment_links.new_end(payment_order), by=SYSTEM)


def for_charge(payment_order: PaymentOrder) -> PaymentIntent:
    """The live checkout, or a new one; a charge of ours counts for none of the customer's tries."""
    _refuse_while_charging(payment_order)
    intent = payment_links.live_intent(payment_order.id)
    if intent is None or intent.expires_at <= clock.now():
        intent = payment_links.open_intent(payment_order, IntentPurpose.STAFF, clock.now() + CHECKOUT, by=SYSTEM)
    intent.attempt_limit += 1
    return intent


def _refuse_while_charging(payment_order: PaymentOrder) -> None:
    going_on = select(Attempt.id).where(Attempt.payment_order_id == payment_order.id, Attempt.status.in_(OPEN))
    if db.session.scalar(going_on.limit(1)) is not None:
        raise Refusal("payment_in_progress", "A payment is being made at this moment; its outcome is not known yet.")
