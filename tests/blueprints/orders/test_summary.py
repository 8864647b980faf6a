"""Contact, addresses and tags: editable after the draft, too."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import select

from app.commands.orders import approvals
from app.db import db, transaction
from app.models import Address, Approval, Audit, Contact, OrderLine, SalesOrder, User
from app.states.approval import ApprovalStatus
from tests import factories
from tests.blueprints.orders.conftest import FRAGMENT, fresh
from tests.conftest import Client


def form(order: SalesOrder, **changes: str) -> dict[str, str]:
    return {
        "contact_id": str(order.contact_id),
        "billing_address_id": str(order.billing_address_id),
        "shipping_address_id": str(order.shipping_address_id),
        "tags": "",
    } | changes


def another(order: SalesOrder) -> tuple[int, int]:
    """A second contact and a second address of the order's account."""
    with transaction() as session:
        person = Contact(account_id=order.account_id, name="Jonas Weber", email="jonas@northfield.test")
        place = Address(
            account_id=order.account_id,
            name="Warehouse",
            street="Kai 7",
            postcode="22525",
            city="Hamburg",
            country="DE",
        )
        session.add_all([person, place])
        session.flush()
        return person.id, place.id


def test_contact_address_and_tags_change_while_the_customer_reads(
    browser_of_dana: Client, order: SalesOrder, dana: User
) -> None:
    person, place = another(order)
    approvals.submit(order.id, by=dana)
    data = form(order, contact_id=str(person), shipping_address_id=str(place), tags="vip, urgent , vip,")
    answer = browser_of_dana.post(f"/orders/{order.number}/summary", data=data, headers=FRAGMENT)
    assert answer.status_code == 200 and "Jonas Weber" in answer.text and "Kai 7" in answer.text
    order = fresh(order)
    assert (order.contact_id, order.shipping_address_id, order.tags) == (person, place, ["vip", "urgent"])
    assert db.session.scalars(select(Approval)).one().status is ApprovalStatus.PENDING
    actions = [a for a in db.session.scalars(select(Audit.action)) if a.startswith("order.")]
    assert actions == ["order.contact_changed", "order.address_changed", "order.tags_changed"]


def test_nobody_elses_contact_or_address_can_be_chosen(browser_of_dana: Client, order: SalesOrder) -> None:
    stranger = factories.account()
    data = form(order, contact_id=str(stranger.billing_contact_id))
    assert browser_of_dana.post(f"/orders/{order.number}/summary", data=data).status_code == 422
    data = form(order, shipping_address_id=str(stranger.billing_address_id))
    assert browser_of_dana.post(f"/orders/{order.number}/summary", data=data).status_code == 422


def test_a_packed_order_keeps_where_it_goes(browser_of_dana: Client, order: SalesOrder) -> None:
    place = another(order)[1]
    with transaction():
        db.session.get_one(OrderLine, order.lines[0].id).packed = Decimal(1)
    assert "shipping_address_id" not in browser_of_dana.get(f"/orders/{order.number}/summary/edit").text
    data = form(order, shipping_address_id=str(place))
    assert browser_of_dana.post(f"/orders/{order.number}/summary", data=data).status_code == 303
    assert fresh(order).shipping_address_id == order.shipping_address_id != place


def test_all_of_it_or_none(browser_of_dana: Client, order: SalesOrder) -> None:
    person = another(order)[0]
    data = form(order, contact_id=str(person), tags="x" * 41)
    answer = browser_of_dana.post(f"/orders/{order.number}/summary", data=data, headers=FRAGMENT)
    assert answer.status_code == 422 and "A tag has at most 40 characters." in answer.text
    assert fresh(order).contact_id == order.contact_id
