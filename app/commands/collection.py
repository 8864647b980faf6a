"""Collecting from the order page: a member of staff charges a card on file, or one the customer tells them."""

from __future__ import annotations

from datetime import timedelta

from .. import clock, forms
from ..access import Permission, demand
from ..db import db, lock, transaction
from ..errors import NotFound, Refusal
from ..models import Account, Actor, Attempt, IntentPurpose, PaymentIntent, PaymentOrder, SalesOrder, User
from ..queries import ledger
from ..states.order import BEFORE_BOOKING
from . import charges, payment_links, payment_orders
from .charges import Instrument

STAFF_CHECKOUT = timedelta(hours=1)


def prepare_first(order_id: int, *, by: User) -> PaymentOrder:
    """The payment order of what is due at signature, made if it is not there yet.

    Raises Refusal: `not_permitted`, `switched_off`, `payment_in_progress`, `nothing_due`, `too_late`.
    """
    with transaction():
        demand(by, Permission.PAYMENT_COLLECT)
        order = _locked(order_id)
        if order.status not in BEFORE_BOOKING:
            raise Refusal(
                "too_late",
                f"The first payment of {order.number} is over; the order is {order.status.replace('_', ' ')}.",
                "Create a payment order for what is still due.",
            )
        first = payment_orders.open_first(order, by=Actor.of(by))
        if first is None:
            raise Refusal("nothing_due", "The payment plan asks for nothing at signature.", "Book the order on terms.")
        return first


def collect(payment_order_id: int, *, pay_with: Instrument, form_key: str, by: User) -> Attempt:
    """Charge what is still due on a payment order; returns the attempt as the gateway left it.

    Raises what `charges.start` raises, and `not_permitted`, `switched_off`.
    """
    with transaction():
        demand(by, Permission.PAYMENT_COLLECT)
        intent_id = _asked_before(form_key) or _checkout(payment_order_id, by).id
    attempt = charges.start(intent_id, pay_with=pay_with, form_key=form_key, by=Actor.of(by))
    return charges.execute(attempt.id)


def _asked_before(form_key: str) -> int | None:
    """The checkout that this very form was sent to; it may be paid by now, and must then answer the same again."""
    known = forms.result(form_key)
    return db.session.get_one(Attempt, known["id"]).intent_id if known else None


def _checkout(payment_order_id: int, by: User) -> PaymentIntent:
    """The live checkout, shared with the customer's link where there is one: one live intent, one charge."""
    row = db.session.get(PaymentOrder, payment_order_id)
    if row is None:
        raise NotFound(f"payment order {payment_order_id}")
    if row.order_id is not None:
        _locked(row.order_id)
    if not ledger.figures([row.id])[row.id].balance:
        raise Refusal("paid", f"{row.number} is paid already.")
    live = payment_links.live_intent(payment_order_id)
    if live is not None and live.expires_at > clock.now():
        return live
    return payment_links.open_intent(row, IntentPurpose.STAFF, clock.now() + STAFF_CHECKOUT, by=Actor.of(by))


def _locked(order_id: int) -> SalesOrder:
    found = db.session.get(SalesOrder, order_id)
    if found is None:
        raise NotFound(f"order {order_id}")
    lock(Account, found.account_id)
    return lock(SalesOrder, order_id)
