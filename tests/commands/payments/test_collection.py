"""Collecting by staff: who may, what is in the way, and one charge whatever is pressed."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import clock, settings
from app.access import Role
from app.commands.orders import approvals, orders
from app.commands.payments import charges, collection, payment_links, payment_orders
from app.commands.payments.charges import Instrument
from app.db import db, transaction
from app.errors import NotFound, Refusal
from app.models import (
    Actor,
    Attempt,
    Audit,
    IntentPurpose,
    PaymentIntent,
    PaymentMethod,
    PaymentOrder,
    SalesOrder,
    User,
)
from app.states.attempt import AttemptStatus
from app.states.intent import IntentStatus
from app.states.order import OrderStatus
from tests import factories
from tests.commands.collecting import CARD, booked, close_route, fresh, hold, request, switch
from tests.gateways.scripted import ScriptedGateway


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user(Role.SALESPERSON)


@pytest.fixture
def order(seller: User) -> SalesOrder:
    return factories.order(owner=seller)


def collect(order: SalesOrder, by: User, *, key: str = "k1", pay_with: Instrument = CARD) -> Attempt:
    return collection.collect_first(order.id, pay_with=pay_with, form_key=key, by=by)


def attempts() -> int:
    return db.session.scalar(select(func.count(Attempt.id))) or 0


def test_a_salesperson_collects_the_first_payment(gateway: ScriptedGateway, seller: User, order: SalesOrder) -> None:
    attempt = collect(order, seller)
    assert (attempt.status, attempt.amount, attempt.actor_name) == (AttemptStatus.SUCCEEDED, 41_055, seller.name)
    assert attempt.intent.purpose is IntentPurpose.STAFF
    assert fresh(order).status is OrderStatus.ACTIVATED
    assert gateway.calls[0].descriptor == "BRIGHTWATER"


def test_pressing_twice_collects_once_although_the_order_has_moved_on(
    gateway: ScriptedGateway, seller: User, order: SalesOrder
) -> None:
    assert collect(order, seller).id == collect(fresh(order), seller).id
    assert (attempts(), len(gateway.booked)) == (1, 1)
    with pytest.raises(Refusal, match="too_late"):
        collect(order, seller, key="k2")


def test_what_the_customer_told_is_kept_with_the_card(
    gateway: ScriptedGateway, seller: User, order: SalesOrder
) -> None:
    words = "Maria Keller agreed on the phone."
    collect(order, seller, pay_with=Instrument(alias="card-ok", save=True, consent_text=words))
    method = db.session.scalars(select(PaymentMethod)).one()
    assert (method.consent_text, method.consent_by, method.consent_how) == (words, seller.name, "told to staff")


def test_the_customers_own_link_and_staff_share_one_checkout(gateway: ScriptedGateway, seller: User) -> None:
    due = request(booked(seller), seller)
    payment_links.send(due.id, form_key="mail", by=seller)
    attempt = collection.collect(due.id, pay_with=CARD, form_key="k", by=seller)
    assert attempt.intent.purpose is IntentPurpose.LINK
    assert fresh(attempt).intent.status is IntentStatus.PAID


def test_a_read_only_person_collects_nothing(gateway: ScriptedGateway, order: SalesOrder) -> None:
    reader = factories.user(Role.READ_ONLY)
    with pytest.raises(Refusal, match="not_permitted"):
        collect(order, reader)
    first = collection.prepare_first(order.id, by=factories.user(Role.AR))
    with pytest.raises(Refusal, match="not_permitted"):
        collection.collect(first.id, pay_with=CARD, form_key="k", by=reader)


def test_the_switch_stops_salespeople_and_nobody_else(
    gateway: ScriptedGateway, seller: User, order: SalesOrder
) -> None:
    switch(settings.SALESPEOPLE_PAYMENT, False)
    with pytest.raises(Refusal, match="switched_off"):
        collect(order, seller)
    assert attempts() == 0
    assert collect(order, factories.user(Role.AR)).status is AttemptStatus.SUCCEEDED


def test_an_account_on_hold_is_charged_nothing(gateway: ScriptedGateway, seller: User, order: SalesOrder) -> None:
    first = collection.prepare_first(order.id, by=seller)
    hold(order.account_id)
    with pytest.raises(Refusal, match="on_hold: .* is on hold: Invoice dispute."):
        collect(order, seller)
    with pytest.raises(Refusal, match="on_hold"):
        collection.collect(first.id, pay_with=CARD, form_key="k", by=seller)
    assert attempts() == 0


def test_without_a_route_nothing_starts(gateway: ScriptedGateway, seller: User, order: SalesOrder) -> None:
    close_route()
    with pytest.raises(Refusal, match="no_route"):
        collect(order, seller)
    assert db.session.scalars(select(PaymentOrder)).all() == []


def test_nothing_due_is_nothing_collected(gateway: ScriptedGateway, seller: User) -> None:
    order = factories.order(owner=seller, deposit_percent="0")
    with pytest.raises(Refusal, match="nothing_due"):
        collect(order, seller)


def test_a_payment_in_progress_is_not_joined_by_another(
    gateway: ScriptedGateway, seller: User, order: SalesOrder
) -> None:
    gateway.answers = ["ok but lost"]
    collect(order, seller)
    with pytest.raises(Refusal, match="payment_in_progress"):
        collect(order, seller, key="k2")


def test_a_paid_or_cancelled_payment_order_is_not_collected(gateway: ScriptedGateway, seller: User) -> None:
    order = booked(seller)
    due, other = request(order, seller), request(order, seller, minor=5_000)
    collection.collect(due.id, pay_with=CARD, form_key="k", by=seller)
    with pytest.raises(Refusal, match="paid"):
        collection.collect(due.id, pay_with=CARD, form_key="k2", by=seller)
    payment_orders.cancel(other.id, because="Not needed", by=seller)
    with pytest.raises(Refusal, match="cancelled"):
        collection.collect(other.id, pay_with=CARD, form_key="k3", by=seller)
    live = select(func.count(PaymentIntent.id)).where(PaymentIntent.status == IntentStatus.LIVE)
    assert db.session.scalar(live) == 0


def test_a_cancelled_orders_rest_is_not_collected(gateway: ScriptedGateway, seller: User) -> None:
    due = request(booked(seller), seller)
    with transaction() as session:
        order = session.get_one(SalesOrder, due.order_id)
        order.transition(orders.OrderEvent.TERMINATE, by=approvals.Actor.of(seller))
    with pytest.raises(Refusal, match="cancelled"):
        collection.collect(due.id, pay_with=CARD, form_key="k", by=seller)


def test_while_the_customer_is_asked_to_sign_only_the_first_payment_is_collected(
    gateway: ScriptedGateway, seller: User
) -> None:
    order = factories.order(owner=seller, deposit_percent="10")
    other = request(order, seller)
    approvals.submit(order.id, by=seller)
    with pytest.raises(Refusal, match="awaiting_approval"):
        collection.collect(other.id, pay_with=CARD, form_key="k", by=seller)
    assert collect(order, seller).amount == 4_106
    assert fresh(order).status is OrderStatus.ACTIVATED


def test_a_foreign_or_unusable_card_is_refused(gateway: ScriptedGateway, seller: User, order: SalesOrder) -> None:
    with pytest.raises(Refusal, match="method_not_usable"):
        collect(order, seller, pay_with=Instrument(method_id=77))


def test_an_unknown_order_is_not_found(app: Flask, seller: User) -> None:
    with pytest.raises(NotFound):
        collection.collect_first(77, pay_with=CARD, form_key="k", by=seller)
    with pytest.raises(NotFound):
        collection.collect(77, pay_with=CARD, form_key="k", by=seller)


def test_operations_ask_the_gateway_and_salespeople_may_not(
    gateway: ScriptedGateway, seller: User, order: SalesOrder
) -> None:
    gateway.answers = ["ok but lost"]
    attempt = collect(order, seller)
    with pytest.raises(Refusal, match="not_permitted"):
        collection.ask_gateway(attempt.id, by=seller)
    operator = factories.user(Role.PAYMENT_OPERATIONS)
    assert collection.ask_gateway(attempt.id, by=operator).status is AttemptStatus.SUCCEEDED
    assert fresh(order).status is OrderStatus.ACTIVATED
    asked = db.session.scalars(select(Audit).where(Audit.action == "payment.ask_gateway")).all()
    assert [(a.actor_name, a.after) for a in asked] == [(operator.name, {"asked": "unknown"})]
    assert len(gateway.booked) == 1


def test_the_switch_is_read_once_more_where_the_charge_is_claimed(
    gateway: ScriptedGateway, seller: User, order: SalesOrder
) -> None:
    """It may be turned between the first look at it and the claim (invariant 18)."""
    first = collection.prepare_first(order.id, by=seller)
    with transaction() as session:
        row = session.get_one(PaymentOrder, first.id)
        expires = clock.now() + collection.STAFF_CHECKOUT
        intent = payment_links.open_intent(row, IntentPurpose.STAFF, expires, by=Actor.of(seller))
    switch(settings.SALESPEOPLE_PAYMENT, False)
    with pytest.raises(Refusal, match="switched_off"):
        charges.start(intent.id, pay_with=CARD, form_key="k", by=Actor.of(seller))
    assert attempts() == 0


def test_the_switch_does_not_bind_ar_on_an_order_that_a_salesperson_sent(
    gateway: ScriptedGateway, seller: User, order: SalesOrder
) -> None:
    approvals.submit(order.id, by=seller)
    switch(settings.SALESPEOPLE_PAYMENT, False)
    assert collect(fresh(order), factories.user(Role.AR)).status is AttemptStatus.SUCCEEDED
