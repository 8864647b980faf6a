"""Money that came too late to count: whoever asks for more is told of it first, with the sum, wherever they ask."""

from __future__ import annotations

import pytest
from flask import Flask

from app.commands.payments import collection
from app.db import db, transaction
from app.models import SalesOrder, User
from app.queries.orders.facts import load
from tests import factories
from tests.commands.collecting import CARD, booked, fresh, request
from tests.commands.conftest import gateway  # noqa: F401
from tests.conftest import Client
from tests.gateways.scripted import ScriptedGateway


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user()


@pytest.fixture
def late(gateway: ScriptedGateway, seller: User) -> SalesOrder:  # noqa: F811
    """A draft whose deposit of 41.06 was captured for an edition that is no longer."""
    order = factories.order(owner=seller, deposit_percent="10")

    def edit() -> None:
        with transaction() as session:  # an edit that went round the command's refusal
            session.get_one(SalesOrder, order.id).edition += 1

    gateway.during_call = edit
    collection.collect_first(order.id, pay_with=CARD, form_key="first", by=seller)
    gateway.during_call = lambda: None
    return fresh(order)


def test_it_is_counted_from_receipts_and_names_its_payment_order(app: Flask, late: SalesOrder, seller: User) -> None:
    found = load(late.number, seller).unapplied
    assert found is not None and found.amount.minor == 4106
    assert len(found.numbers) == 1


def test_what_pays_an_invoice_is_not_unapplied(gateway: ScriptedGateway, seller: User) -> None:  # noqa: F811
    order = booked(seller)
    assert load(order.number, seller).unapplied is None


@pytest.mark.parametrize("path", ["", "/payment", "/approval/new", "/collect", "/payment-orders/new"])
def test_the_order_its_submission_its_collection_and_a_new_request_warn(
    late: SalesOrder, seller: User, client: Client, path: str
) -> None:
    client.sign_in(seller)
    page = client.get(f"/orders/{late.number}{path}").text
    assert "€41.06 is unapplied cash" in page
    assert "would collect it twice" in page


def test_the_preflight_of_a_link_warns(late: SalesOrder, seller: User, client: Client) -> None:
    row = request(late, seller)
    db.session.rollback()
    client.sign_in(seller)
    assert "€41.06 is unapplied cash" in client.get(f"/payments/{row.number}/send-link").text
