"""One box that finds what a person may see."""

from __future__ import annotations

import pytest
from flask import Flask

from app.access import Role
from app.commands.payments import collection
from app.commands.payments.charges import Instrument
from app.db import db
from app.models import Attempt, Contact, Invoice, PaymentOrder, SalesOrder, User
from tests import factories
from tests.conftest import Client


@pytest.fixture
def ann(app: Flask) -> User:
    return factories.user(Role.SALESPERSON)


@pytest.fixture
def order(ann: User) -> SalesOrder:
    """A paid one: with payment order, attempt, receipt and invoice."""
    row = factories.order(owner=ann)
    first = collection.prepare_first(row.id, by=ann)
    pay_with = Instrument(alias="sbx_card_visa_1229", label="Visa ending 4242")
    collection.collect(first.id, pay_with=pay_with, form_key="k", by=ann)
    return row


def texts(order: SalesOrder) -> dict[str, str]:
    """What to type, and what must be among the answers."""
    email = db.session.get_one(Contact, order.contact_id).email
    attempt = db.session.query(Attempt).one()
    po = db.session.query(PaymentOrder).one()
    assert attempt.provider_id is not None
    return {
        "northfield": order.number,
        email: order.number,
        email.upper(): order.number,
        "410.55": po.number,
        "4242": "Visa ending 4242",
        attempt.provider_id: "Visa ending 4242",
        attempt.public_id: "Visa ending 4242",
        po.number.removeprefix("PO-"): po.number,
    }


def test_it_finds_by_everything_a_person_knows(client: Client, order: SalesOrder, ann: User) -> None:
    client.sign_in(ann)
    for text, answer in texts(order).items():
        page = client.get("/search", query_string={"q": text})
        assert page.status_code == 200 and answer in page.text, text


def test_a_number_goes_straight_to_its_page(client: Client, order: SalesOrder, ann: User) -> None:
    client.sign_in(ann)
    for text in (order.number, order.number.lower(), order.number.replace("-", ""), f" {order.number} "):
        answer = client.get("/search", query_string={"q": text})
        assert answer.status_code == 302 and answer.location == f"/orders/{order.number}", text
    invoice = db.session.query(Invoice).one().number
    assert client.get("/search", query_string={"q": invoice}).location == f"/invoices/{invoice}"
    assert client.get("/search", query_string={"q": "inv1"}).location == f"/invoices/{invoice}"
    requested = db.session.query(PaymentOrder).one().number
    assert client.get("/search", query_string={"q": requested}).location == f"/payments/{requested}"


def test_nobody_finds_what_they_may_not_see(client: Client, order: SalesOrder) -> None:
    client.sign_in(factories.user(Role.SALESPERSON))
    for text in texts(order):
        page = client.get("/search", query_string={"q": text}).text
        assert order.number not in page and "Visa ending" not in page, text
    client.sign_in(factories.user(Role.FULFILLMENT_OPERATIONS))
    page = client.get("/search", query_string={"q": "410.55"}).text
    assert "PO-" not in page and "INV-" not in page


@pytest.mark.parametrize("text", ["", "x", "%%", "__", "nothing like it", "12,345,678.901"])
def test_nothing_found_says_what_can_be_found(client: Client, order: SalesOrder, ann: User, text: str) -> None:
    client.sign_in(ann)
    page = client.get("/search", query_string={"q": text})
    assert page.status_code == 200 and "the last four digits of a card" in page.text
