"""What is charged while bin/bench looks at the watch: prepared by the commands that people use."""

from __future__ import annotations

from datetime import timedelta

from app import clock
from app.access import Role
from app.commands.payments import collection, order_requests, payment_links
from app.commands.payments.charges import Instrument
from app.db import transaction
from app.models import Account, Actor, CollectionMethod, IntentPurpose, User
from app.states.order import OrderStatus
from tests import factories

ACCOUNTS = 4

# A live checkout and the saved card that pays it.
Due = tuple[int, int]


def due(count: int) -> list[Due]:
    """So many running orders of two lines, each with all of it to be paid by a card that its account has saved."""
    seller = factories.user(Role.SALES_MANAGER, name="Dana Reyes")
    accounts = [factories.account() for _ in range(ACCOUNTS)]
    cards = [_saved(customer, seller) for customer in accounts]
    return [_due(accounts[n % ACCOUNTS], cards[n % ACCOUNTS], seller) for n in range(count)]


def _saved(customer: Account, seller: User) -> int:
    """The card that the account's first payment saves."""
    order = factories.order(owner=seller, customer=customer)
    first = collection.prepare_first(order.id, by=seller)
    words = "Save this card for what recurs."
    card = Instrument(alias="sbx_card_visa_1239", label="Visa ending 4242", save=True, consent_text=words)
    attempt = collection.collect(first.id, pay_with=card, form_key=f"saved-{customer.id}", by=seller)
    if attempt.method_id is None:
        raise RuntimeError("the card was not saved")
    return attempt.method_id


def _due(customer: Account, card: int, seller: User) -> Due:
    order = factories.order(owner=seller, customer=customer, status=OrderStatus.ACTIVATED)
    asked = order_requests.create(
        order.id,
        amount=order.totals().gross,
        purpose=f"Order {order.number}",
        due_date=None,
        collection=CollectionMethod.SAVED_METHOD,
        contact_id=None,
        form_key=f"due-{order.id}",
        by=seller,
    )
    with transaction():
        until = clock.now() + timedelta(days=30)
        return payment_links.open_intent(asked, IntentPurpose.STAFF, until, by=Actor.of(seller)).id, card
