"""A customer with a link, for the tests of the public pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from flask import current_app
from werkzeug.test import TestResponse

from app import links
from app.access import Role
from app.commands.orders import approvals, signing
from app.db import db
from app.models import Approval, PaymentIntent, SalesOrder, User
from tests import factories
from tests.conftest import Client

VISA = {"instrument": "sbx_card_visa_1230", "card_label": "Visa ending 4242"}
NO_FUNDS = {"instrument": "sbx_card_insufficient-funds_1230", "card_label": "Visa ending 9995"}
LOST_ANSWER = {"instrument": "sbx_card_lost-answer_1230", "card_label": "Visa"}
CONFIRM = {"instrument": "sbx_card_confirm_1230", "card_label": "Visa ending 3184"}


@dataclass
class Customer:
    """Opens pages and sends the forms on them, with what they were rendered with."""

    client: Client
    approval: Approval

    @property
    def url(self) -> str:
        return address("approve", self.approval.public_id, self.approval.generation)

    def get(self, path: str = "", **options: Any) -> TestResponse:
        return self.client.get(self.url + path, **options)

    def post(self, path: str, **form: Any) -> TestResponse:
        return self.client.post(self.url + path, data=form)

    def sign(self, **changes: Any) -> TestResponse:
        facts = {"kind": "typed", "name": "Maria Keller", "title": "", "email": "maria@northfield.test", "consent": "y"}
        return self.post("/sign", **(hidden(self.get()) | facts | changes))

    def pay(self, card: dict[str, str] = VISA, **changes: Any) -> TestResponse:
        return self.post("/pay", **(hidden(self.get("/pay")) | payment(card) | changes))


def payment(card: dict[str, str]) -> dict[str, str]:
    return {"name": "Maria Keller", "receipt_email": "maria@northfield.test", "save": "y"} | card


def address(kind: links.Kind, public_id: str, generation: int = 1) -> str:
    with current_app.test_request_context():
        return f"/{kind}/{links.mint(kind, public_id, generation)}"


def hidden(page: TestResponse) -> dict[str, str]:
    """The hidden fields of a page; the card's own are filled by its script."""
    found = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", page.text)
    pairs = ((re.search(r'name="(\w+)"', tag), re.search(r'value="([^"]*)"', tag)) for tag in found)
    return {name[1]: unescape(value[1]) for name, value in pairs if name and value and name[1] != "csrf_token"}


def invited(client: Client, *, seller: User | None = None, **facts: Any) -> Customer:
    """A customer who was just sent an order."""
    seller = seller or factories.user(Role.SALESPERSON)
    order = factories.order(owner=seller, **facts)
    return Customer(client, approvals.submit(order.id, by=seller))


def signed(client: Client, **facts: Any) -> Customer:
    customer = invited(client, **facts)
    snapshot = customer.approval.snapshot
    hand = factories.hand(customer.approval)
    signing.sign(customer.approval.id, hand, sha256=snapshot.sha256, edition=snapshot.edition)
    return customer


def order_of(customer: Customer) -> SalesOrder:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(SalesOrder, customer.approval.order_id)


def intent_of(customer: Customer) -> PaymentIntent:
    return db.session.query(PaymentIntent).filter_by(payment_order_id=customer.approval.payment_order_id).one()
