"""What is due at signature by bank transfer: named and requested beside the card payment, never asked for by card."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from app import links
from app.access import Role
from app.commands.orders import approvals, orders
from app.commands.payments import collection, payment_orders
from app.db import db, lock, transaction
from app.errors import Refusal
from app.models import SYSTEM, Approval, CollectionMethod, Due, Instalment, PaymentOrder, SalesOrder, User
from app.money import Money
from app.queries.orders.facts import load
from app.queries.orders.summary import view as summary_view
from app.states.order import OrderStatus
from app.states.payment_order import PaymentOrderStatus
from tests import factories
from tests.commands.collecting import CARD, close_route, fresh
from tests.commands.orders.test_approvals import sign
from tests.conftest import Client
from tests.gateways.scripted import ScriptedGateway

LINK, OFFLINE = CollectionMethod.PAYMENT_LINK, CollectionMethod.OFFLINE


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user()


@pytest.fixture
def manager(app: Flask) -> User:
    return factories.user(Role.SALES_MANAGER)


def agreed(owner: User, *steps: tuple[str, Due, CollectionMethod]) -> SalesOrder:
    """An order of 410.55 EUR, paid in these steps."""
    order = factories.order(owner=owner)
    with transaction() as session:
        row = session.get_one(SalesOrder, order.id)
        row.instalments = [
            Instalment(position=n, percent=Decimal(percent), due=due, collection=how)
            for n, (percent, due, how) in enumerate(steps, start=1)
        ]
    return fresh(order)


def mixed(owner: User) -> SalesOrder:
    """20 % by card and 50 % by transfer, both at signature; the rest at delivery."""
    return agreed(owner, ("20", Due.SIGNATURE, LINK), ("50", Due.SIGNATURE, OFFLINE), ("30", Due.DELIVERY, LINK))


def requested(order: SalesOrder) -> list[tuple[bool, CollectionMethod, int, PaymentOrderStatus]]:
    rows = db.session.scalars(select(PaymentOrder).where(PaymentOrder.order_id == order.id).order_by(PaymentOrder.id))
    return [(x.first, x.collection, x.amount, x.status) for x in rows]


OPEN, CANCELLED = PaymentOrderStatus.OPEN, PaymentOrderStatus.CANCELLED
FIRST, TRANSFER = (True, LINK, 8211, OPEN), (False, OFFLINE, 20528, OPEN)


def test_the_checkout_asks_for_the_card_step_alone_and_the_signature_requests_the_transfer(seller: User) -> None:
    order = mixed(seller)
    approval = approvals.submit(order.id, by=seller)
    assert (approvals.view(approval).due_now, requested(order)) == (Money(8211, "EUR"), [FIRST])
    assert [step.amount.minor for step in approvals.view(approval).by_transfer] == [20528]
    sign(approval)
    assert fresh(order).status is OrderStatus.AWAITING_APPROVAL
    assert requested(order) == [FIRST, TRANSFER]


def test_the_first_payment_moves_the_order_and_the_transfer_stays_open_once(
    gateway: ScriptedGateway, seller: User
) -> None:
    order = mixed(seller)
    sign(approvals.submit(order.id, by=seller))
    collection.collect_first(order.id, pay_with=CARD, form_key="first", by=seller)
    assert fresh(order).status is OrderStatus.ACTIVATED
    assert requested(order) == [FIRST, TRANSFER]


def test_collected_without_a_signature_it_is_requested_with_the_booking(gateway: ScriptedGateway, seller: User) -> None:
    order = mixed(seller)
    collection.collect_first(order.id, pay_with=CARD, form_key="first", by=seller)
    assert requested(order) == [FIRST, TRANSFER]
    assert payment_orders.left_to_request(fresh(order)) == Money(41055 - 8211 - 20528, "EUR")


def test_before_booking_the_transfer_is_kept_out_of_other_requests(seller: User) -> None:
    order = mixed(seller)
    assert payment_orders.left_to_request(order) == Money(41055 - 8211 - 20528, "EUR")
    sign(approvals.submit(order.id, by=seller))
    assert payment_orders.left_to_request(fresh(order)) == Money(41055 - 8211 - 20528, "EUR")


def test_back_in_draft_the_transfer_is_withdrawn_and_signing_again_requests_it_again(seller: User) -> None:
    order = mixed(seller)
    sign(approvals.submit(order.id, by=seller))
    orders.convert_to_draft(order.id, because="A change", by=seller)
    assert [x[3] for x in requested(order)] == [CANCELLED, CANCELLED]
    sign(approvals.submit(order.id, by=seller))
    assert requested(order)[2:] == [FIRST, TRANSFER]


def test_all_by_transfer_the_signature_books_it_and_no_card_is_asked_for(seller: User) -> None:
    order = agreed(seller, ("100", Due.SIGNATURE, OFFLINE))
    approval = approvals.submit(order.id, by=seller)
    assert not approval.asks_payment
    close_route()  # a transfer takes none
    sign(approval)
    assert fresh(order).status is OrderStatus.ACTIVATED
    assert requested(order) == [(False, OFFLINE, 41055, OPEN)]


def test_all_by_transfer_staff_book_it_on_terms_and_collect_nothing(seller: User, manager: User) -> None:
    order = agreed(seller, ("100", Due.SIGNATURE, OFFLINE))
    with pytest.raises(Refusal, match="nothing_due"):
        collection.collect_first(order.id, pay_with=CARD, form_key="first", by=seller)
    orders.book(order.id, by=manager)
    assert fresh(order).status is OrderStatus.ACTIVATED
    assert requested(order) == [(False, OFFLINE, 41055, OPEN)]


def test_opening_transfers_again_changes_nothing(seller: User) -> None:
    order = mixed(seller)
    for _ in range(2):
        with transaction():
            payment_orders.open_transfers(lock(SalesOrder, order.id), by=SYSTEM)
    assert requested(order) == [TRANSFER]


def test_the_customer_reads_what_comes_by_transfer_and_its_reference(
    gateway: ScriptedGateway, seller: User, client: Client
) -> None:
    order = mixed(seller)
    approval = approvals.submit(order.id, by=seller)
    address = links.url("approve", approval.public_id, approval.generation)
    page = client.get(address).text
    assert "On signing, by bank transfer" in page and f"reference {order.number}" in page and "€205.28" in page
    sign(db.session.get_one(Approval, approval.id))
    paying = client.get(address, follow_redirects=True).text
    assert "Pay €82.11" in paying
    assert "By bank transfer: €205.28" in paying and f"reference {order.number}" in paying
    collection.collect_first(order.id, pay_with=CARD, form_key="first", by=seller)
    assert "By bank transfer: €205.28" in client.get(address, follow_redirects=True).text


def test_staff_see_each_step_of_the_signature_with_its_own_status(
    gateway: ScriptedGateway, seller: User, client: Client
) -> None:
    order = mixed(seller)
    client.sign_in(seller)
    assert "by bank transfer, not asked for by card" in client.get(f"/orders/{order.number}/approval/new").text
    collection.collect_first(order.id, pay_with=CARD, form_key="first", by=seller)
    with client.application.test_request_context():
        plan = summary_view(load(order.number, seller)).plan
    assert [step.status for step in plan] == ["paid", "requested", None]
    page = client.get(f"/orders/{order.number}").text
    assert f"It is to come by bank transfer, with the reference {order.number}." in page
