"""Payment orders: never more than is due, never round a signature, and gone only while they hold no money."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app import clock
from app.access import Role
from app.commands.orders import approvals, orders
from app.commands.payments import collection, payment_orders
from app.commands.receivables import invoices, offline
from app.db import db, transaction
from app.errors import Refusal
from app.models import Actor, Audit, CollectionMethod, History, PaymentIntent, PaymentOrder, SalesOrder, User
from app.money import Money
from app.queries.orders.facts import load
from app.states.intent import IntentStatus
from app.states.order import OrderStatus
from app.states.payment_order import PaymentOrderStatus
from tests import factories, ledgers
from tests.commands.collecting import CARD, booked, close_route, fresh, request
from tests.gateways.scripted import ScriptedGateway


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user(Role.SALESPERSON)


def euros(minor: int) -> Money:
    return Money(minor, "EUR")


def test_what_remains_can_be_requested_and_not_a_cent_more(gateway: ScriptedGateway, seller: User) -> None:
    order = booked(seller)
    assert payment_orders.left_to_request(order) == euros(41_055 - 4_106)
    with pytest.raises(Refusal, match="more_than_due: Only €369.49"):
        request(order, seller, minor=36_950)
    row = request(order, seller, minor=36_949)
    assert (row.amount, row.first, row.collection) == (36_949, False, CollectionMethod.PAYMENT_LINK)
    assert [line.amount for line in row.lines] == [36_949]
    assert payment_orders.left_to_request(fresh(order)) == euros(0)


def test_the_database_refuses_one_that_asks_for_nothing(gateway: ScriptedGateway, seller: User) -> None:
    row = request(booked(seller), seller)
    with pytest.raises(IntegrityError, match="asks_for_something"), transaction() as session:
        session.execute(update(PaymentOrder).where(PaymentOrder.id == row.id).values(order_id=None))


def test_open_requests_count_together_and_cancelled_ones_do_not(gateway: ScriptedGateway, seller: User) -> None:
    order = booked(seller)
    first = request(order, seller, minor=30_000)
    with pytest.raises(Refusal, match="more_than_due"):
        request(order, seller, minor=10_000)
    payment_orders.cancel(first.id, because="Another amount was agreed", by=seller)
    assert request(order, seller, minor=10_000).status is PaymentOrderStatus.OPEN


def test_a_draft_keeps_what_is_due_at_signature_for_its_first_payment(app: Flask, seller: User) -> None:
    order = factories.order(owner=seller, deposit_percent="10")
    assert payment_orders.left_to_request(order) == euros(36_949)
    with pytest.raises(Refusal, match="more_than_due"):
        request(factories.order(owner=seller), seller, minor=1)
    request(order, seller, minor=36_949)
    assert collection.prepare_first(order.id, by=seller).amount == 4_106


def test_terms_edited_since_cannot_make_the_first_payment_too_much(app: Flask, seller: User) -> None:
    order = factories.order(owner=seller, deposit_percent="10")
    request(order, seller, minor=36_949)
    with transaction() as session:
        session.get_one(SalesOrder, order.id).instalments = []
    with pytest.raises(Refusal, match="more_than_due: €410.55 are due at signature"):
        collection.prepare_first(order.id, by=seller)


def test_what_came_on_the_invoice_is_not_asked_for_again(gateway: ScriptedGateway, seller: User) -> None:
    boss, order = factories.user(Role.ADMIN), booked(seller)
    order = fresh(order)
    with transaction():
        bill = invoices.on_terms(order, by=Actor.of(boss))
        assert bill is not None
        bill_id, gross = bill.id, bill.gross
    receipt = offline.for_invoice(bill_id, ledgers.came(gross), form_key="wire", by=boss)
    with pytest.raises(Refusal, match="more_than_due"):
        request(fresh(order), seller, minor=1)
    facts = load(order.number, seller)
    assert (facts.unrequested.minor, facts.owed_now.minor) == (0, 0)
    offline.reverse(receipt.id, because="Bounced", on=clock.today(factories.ZONE), form_key="bounced", by=boss)
    assert payment_orders.left_to_request(fresh(order)).minor == gross


def test_the_same_form_makes_one_payment_order(gateway: ScriptedGateway, seller: User) -> None:
    order = booked(seller)
    assert request(order, seller, key="k").id == request(order, seller, key="k").id
    with pytest.raises(Refusal, match="key_reused"):
        request(order, seller, minor=5, key="k")


def test_a_payment_order_remembers_how_when_and_from_whom(gateway: ScriptedGateway, seller: User) -> None:
    order = booked(seller)
    due = clock.today(factories.ZONE) + timedelta(days=14)
    row = request(order, seller, due_date=due, collection=CollectionMethod.OFFLINE)
    assert (row.due_date, row.collection, row.contact_id) == (due, CollectionMethod.OFFLINE, order.contact_id)
    assert db.session.scalars(select(Audit.subject).where(Audit.action == "payment_order.create")).all() == [row.number]
    created = db.session.scalars(select(History).where(History.entity == "payment_order", History.entity_id == row.id))
    assert [(h.event, h.order_id, h.data["amount"]) for h in created] == [("created", order.id, 10_000)]


@pytest.mark.parametrize(
    ("amount", "code"),
    [(Money(1, "USD"), "wrong_currency"), (Money(0, "EUR"), "not_positive"), (Money(-5, "EUR"), "not_positive")],
)
def test_amounts_that_are_none(gateway: ScriptedGateway, seller: User, amount: Money, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        request(booked(seller), seller, amount=amount)


def test_a_contact_of_somebody_else_is_refused(gateway: ScriptedGateway, seller: User) -> None:
    stranger = factories.account().billing_contact_id
    with pytest.raises(Refusal, match="no_contact"):
        request(booked(seller), seller, contact_id=stranger)


def test_without_a_route_nothing_is_requested(gateway: ScriptedGateway, seller: User) -> None:
    order = booked(seller)
    close_route()
    with pytest.raises(Refusal, match="no_route"):
        request(order, seller)


def test_an_order_with_its_customer_is_not_asked_for_more(app: Flask, seller: User) -> None:
    order = factories.order(owner=seller, deposit_percent="10")
    approvals.submit(order.id, by=seller)
    with pytest.raises(Refusal, match="awaiting_approval"):
        request(order, seller)


def test_a_cancelled_order_is_not_asked_for_anything(app: Flask, seller: User) -> None:
    order = factories.order(owner=seller, deposit_percent="10")
    orders.cancel(order.id, because="Not wanted", by=seller)
    with pytest.raises(Refusal, match="cancelled"):
        request(order, seller)


def test_creating_and_cancelling_need_their_permission(gateway: ScriptedGateway, seller: User) -> None:
    order = booked(seller)
    reader = factories.user(Role.READ_ONLY)
    with pytest.raises(Refusal, match="not_permitted"):
        request(order, reader)
    row = request(order, seller)
    with pytest.raises(Refusal, match="not_permitted"):
        payment_orders.cancel(row.id, because="No", by=reader)


def test_cancelling_ends_its_checkout_and_is_done_once(gateway: ScriptedGateway, seller: User) -> None:
    order = factories.order(owner=seller)
    gateway.answers = ["insufficient_funds"]
    attempt = collection.collect_first(order.id, pay_with=CARD, form_key="k", by=seller)
    row = payment_orders.cancel(attempt.payment_order_id, because="Pays by wire", by=seller)
    assert row.status is PaymentOrderStatus.CANCELLED
    assert db.session.scalars(select(PaymentIntent.status)).all() == [IntentStatus.CANCELLED]
    with pytest.raises(Refusal, match="cancelled"):
        payment_orders.cancel(row.id, because="Again", by=seller)


def test_what_has_collected_money_stays(gateway: ScriptedGateway, seller: User) -> None:
    booked(seller)
    paid = db.session.scalars(select(PaymentOrder)).one()
    with pytest.raises(Refusal, match="has_money"):
        payment_orders.cancel(paid.id, because="Mistake", by=seller)


def test_what_is_being_paid_stays(gateway: ScriptedGateway, seller: User) -> None:
    gateway.answers = ["ok but lost"]
    order = factories.order(owner=seller)
    attempt = collection.collect_first(order.id, pay_with=CARD, form_key="k", by=seller)
    with pytest.raises(Refusal, match="payment_in_progress"):
        payment_orders.cancel(attempt.payment_order_id, because="Changed our mind", by=seller)


def test_the_first_payment_of_a_submitted_order_goes_with_its_submission(app: Flask, seller: User) -> None:
    order = factories.order(owner=seller)
    approvals.submit(order.id, by=seller)
    first = db.session.scalars(select(PaymentOrder)).one()
    with pytest.raises(Refusal, match="first_of_submitted"):
        payment_orders.cancel(first.id, because="Changed our mind", by=seller)
    orders.convert_to_draft(order.id, because="Changed our mind", by=seller)
    assert fresh(first).status is PaymentOrderStatus.CANCELLED
    assert fresh(order).status is OrderStatus.DRAFT


def test_an_edited_order_gets_a_new_first_payment(gateway: ScriptedGateway, seller: User) -> None:
    order = factories.order(owner=seller)
    first = collection.prepare_first(order.id, by=seller)
    assert collection.prepare_first(order.id, by=seller).id == first.id
    with transaction() as session:
        session.get_one(SalesOrder, order.id).edition += 1
    second = collection.prepare_first(order.id, by=seller)
    assert second.id != first.id
    assert fresh(first).status is PaymentOrderStatus.CANCELLED
