"""Money for orders, as staff and customers would have moved it; shared by the tests of collecting."""

from __future__ import annotations

from typing import Any

from app import settings
from app.commands.payments import collection, order_requests
from app.commands.payments.charges import Instrument
from app.db import db, transaction
from app.models import Account, CollectionMethod, Gateway, PaymentOrder, SalesOrder, Setting, User
from app.models.method import GatewayState
from app.money import Money
from tests import factories

CARD = Instrument(alias="card-ok", label="Visa ending 4242")


def booked(owner: User, *, deposit: str = "10", pay_with: Instrument = CARD, **facts: Any) -> SalesOrder:
    """An order of 410.55 EUR whose deposit is paid; the rest may be requested."""
    order = factories.order(owner=owner, deposit_percent=deposit, **facts)
    collection.collect_first(order.id, pay_with=pay_with, form_key=f"deposit-{order.id}", by=owner)
    return fresh(order)


def request(order: SalesOrder, by: User, *, minor: int = 10_000, key: str = "", **facts: Any) -> PaymentOrder:
    """A payment order of 100.00 EUR by payment link."""
    wanted: dict[str, Any] = {
        "amount": Money(minor, order.currency),
        "purpose": "Second instalment",
        "due_date": None,
        "collection": CollectionMethod.PAYMENT_LINK,
        "contact_id": None,
        "form_key": key or f"request-{order.id}-{minor}",
    }
    return order_requests.create(order.id, **(wanted | facts), by=by)


def fresh(row: Any) -> Any:
    """As the database has it now, with no read left open before it."""
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(type(row), row.id)


def switch(definition: settings.Definition, value: bool) -> None:
    with transaction() as session:
        session.merge(Setting(key=definition.key, value=value))
    settings.forget()


def hold(account_id: int, reason: str = "Invoice dispute") -> None:
    with transaction() as session:
        session.get_one(Account, account_id).hold_reason = reason


def close_route() -> None:
    with transaction() as session:
        session.query(Gateway).one().status = GatewayState.UNAVAILABLE
