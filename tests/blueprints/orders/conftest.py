"""People and orders in the states that the order page shows."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.access import Role
from app.commands.payments import collection
from app.commands.payments.charges import Instrument
from app.db import db
from app.models import SalesOrder, User
from tests import factories
from tests.conftest import Client

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def dana(app: Flask) -> User:
    return factories.user(Role.SALES_MANAGER, name="Dana Reyes", email="dana@brightwater.test")


@pytest.fixture
def order(dana: User) -> SalesOrder:
    return factories.order(owner=dana, deposit_percent="10")


@pytest.fixture
def browser_of_dana(client: Client, dana: User) -> Client:
    return client.sign_in(dana)


def card(slug: str, last4: str) -> Instrument:
    """One of the sandbox's published test cards, as its card field would hand it over."""
    return Instrument(
        alias=f"sbx_card_{slug}_1229", label=f"Visa ending {last4}", save=slug == "visa", consent_text="Ok."
    )


def pay(order: SalesOrder, by: User, slug: str = "visa", last4: str = "4242", key: str = "k1") -> None:
    """Collect the first payment at the sandbox, whatever comes of it."""
    first = collection.prepare_first(order.id, by=by)
    collection.collect(first.id, pay_with=card(slug, last4), form_key=key, by=by)


def fresh(row: Any) -> Any:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(type(row), row.id)
