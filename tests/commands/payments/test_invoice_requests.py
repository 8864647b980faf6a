"""A payment order for one invoice asks for no more than that has due, and pays it and no other."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.access import Role
from app.commands.payments import collection, invoice_requests, payment_orders
from app.commands.receivables import write_offs
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.models import CollectionMethod, Invoice, PaymentOrder, SalesOrder, User
from app.money import Money
from tests import factories, ledgers, moves
from tests.commands.collecting import CARD, booked, fresh, request
from tests.commands.receivables.test_invoices import owed
from tests.gateways.scripted import ScriptedGateway


@pytest.fixture
def clerk(app: Flask) -> User:
    return factories.user(Role.AR)


def ask(invoice: Invoice, by: User, minor: int, **facts: Any) -> PaymentOrder:
    wanted = {"amount": Money(minor, "EUR"), "purpose": "Invoice", "due_date": None, "contact_id": None}
    wanted |= {"collection": CollectionMethod.PAYMENT_LINK, "form_key": ledgers.key(), "by": by}
    return invoice_requests.create(invoice.id, **(wanted | facts))


def left(invoice: Invoice) -> int:
    found = invoice_requests.left(fresh(invoice)).minor
    end_read()
    return found


def two(clerk: User) -> tuple[SalesOrder, Invoice, Invoice]:
    """An order of which 200.00 and then 169.49 are invoiced."""
    order = booked(clerk)
    return order, owed(order, 20_000), owed(order, 16_949)


def test_it_pays_its_own_invoice_though_another_is_older(gateway: ScriptedGateway, clerk: User) -> None:
    order, older, newer = two(clerk)
    row = ask(newer, clerk, 10_000)
    assert (fresh(row).invoice_id, left(newer), left(older)) == (newer.id, 6_949, 20_000)
    assert payment_orders.left_to_request(fresh(order)).minor == 26_949
    end_read()
    collection.collect(row.id, pay_with=CARD, form_key="card", by=clerk)
    assert [ledgers.standing(x)[1] for x in (older, newer)] == [20_000, 6_949]
    assert left(newer) == 6_949


def test_no_more_than_is_due_and_not_asked_for(gateway: ScriptedGateway, clerk: User) -> None:
    order, older, newer = two(clerk)
    request(order, clerk, minor=30_000)  # of the order as a whole
    assert (left(older), left(newer)) == (6_949, 6_949)
    for minor, code in ((6_950, "more_than_due"), (0, "not_positive")):
        with pytest.raises(Refusal, match=code):
            ask(newer, clerk, minor)
    twins = {ask(newer, clerk, 6_949, form_key="twice").id for _ in range(2)}
    assert len(twins) == 1
    with pytest.raises(Refusal, match="All that .* has due is asked for already"):
        ask(older, clerk, 1)


def test_what_is_not_open_or_bills_a_period_is_not_asked_for(gateway: ScriptedGateway, clerk: User) -> None:
    _, invoice, other = two(clerk)
    write_offs.write_off(invoice.id, because="Gone", form_key="off", by=clerk)
    with transaction() as session:
        session.get_one(Invoice, other.id).order_id = None
    for row, code in ((invoice, "not_open"), (other, "of_period")):
        with pytest.raises(Refusal) as refused:
            ask(row, clerk, 100)
        assert refused.value.code == code
    with pytest.raises(Refusal, match="not_permitted"):
        ask(invoice, factories.user(Role.BILLING, email="b@countersign.test"), 100)
    assert db.session.query(PaymentOrder).count() == 1


def test_it_goes_by_the_route_that_was_chosen(gateway: ScriptedGateway, clerk: User) -> None:
    _order, invoice, _newer = two(clerk)
    other = moves.route(moves.gateway().id)
    row = ask(invoice, clerk, 10_000, route_id=other.id)
    assert (row.chosen_route_id, row.invoice_id) == (other.id, invoice.id)
    assert collection.collect(row.id, pay_with=CARD, form_key="pay", by=clerk).route_id == other.id
