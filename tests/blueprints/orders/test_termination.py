"""Terminating from the page: it says first what it comes to, and does exactly that, once."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from app.access import Role
from app.db import db, transaction
from app.models import CreditNote, OrderLine, SalesOrder, User
from app.states.order import OrderStatus
from tests import factories
from tests.blueprints.orders.conftest import fresh, pay
from tests.conftest import Client


@pytest.fixture
def active(dana: User) -> SalesOrder:
    order = factories.order(owner=dana, deposit_percent="100")
    pay(order, dana)
    return order


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


def test_the_journey(browser_of_dana: Client, active: SalesOrder) -> None:
    address = f"/orders/{active.number}/termination"
    assert address in browser_of_dana.get(f"/orders/{active.number}").text
    page = browser_of_dana.get(address).text
    for words in ("Bedside terminal 1", "0 recorded", "Still due then", "Becomes unapplied cash", "is cancelled"):
        assert words in page
    goods = f"delivered-{active.lines[0].id}"
    form = {"form_key": hidden(page, "form_key"), "seen": hidden(page, "seen"), "reason": "They closed"}
    look = browser_of_dana.post(address, data=form | {goods: "1", "look": "1"})
    assert look.status_code == 200 and "They closed" in look.text and hidden(look.text, "seen") != form["seen"]
    stale = browser_of_dana.post(address, data=form | {goods: "1"})
    assert stale.status_code == 409 and "has changed since you looked at it" in stale.text
    wrong = browser_of_dana.post(address, data=form | {goods: "7"})
    assert wrong.status_code == 422 and "Between 0 and 1." in wrong.text and 'value="7"' in wrong.text
    silent = browser_of_dana.post(address, data=form | {goods: "1", "reason": " "})
    assert silent.status_code == 422 and "Say why." in silent.text
    assert db.session.query(CreditNote).count() == 0
    seen = form | {goods: "1", "seen": hidden(look.text, "seen")}
    assert [browser_of_dana.post(address, data=seen).status_code for _ in range(2)] == [303, 303]
    assert fresh(active).status is OrderStatus.CANCELLED and db.session.query(CreditNote).count() == 1
    page = browser_of_dana.get(f"/orders/{active.number}").text
    assert "The order is terminated." in page and "terminated the order" in page and "They closed" in page
    over = browser_of_dana.get(address)
    assert over.status_code == 200 and "Only an active order is." in over.text and "Keep the order" in over.text


def test_a_thousand_delivered_can_be_sent_as_they_stand(browser_of_dana: Client, active: SalesOrder) -> None:
    with transaction() as session:
        line = session.get_one(OrderLine, active.lines[0].id)
        line.quantity = line.packed = line.shipped = line.fulfilled = Decimal(1200)
    address, goods = f"/orders/{active.number}/termination", f"delivered-{active.lines[0].id}"
    assert hidden(browser_of_dana.get(address).text, goods) == "1200"
    assert browser_of_dana.post(address, data={goods: "1200", "look": "1"}).status_code == 200


def test_who_may_not_sees_why(client: Client, active: SalesOrder) -> None:
    client.sign_in(factories.user(Role.ORDER_MANAGEMENT))
    page = client.get(f"/orders/{active.number}").text
    assert "Your role does not let you terminate an active order" in page
    assert client.get(f"/orders/{active.number}/termination").status_code == 403
    assert client.post(f"/orders/{active.number}/termination").status_code == 403


def test_others_orders_are_not_found(client: Client, active: SalesOrder) -> None:
    seller = factories.user(Role.SALESPERSON, grants=["order.terminate"])
    assert client.sign_in(seller).get(f"/orders/{active.number}/termination").status_code == 404
