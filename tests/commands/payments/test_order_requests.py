"""Asking for a part of an order: some of its lines, by the rules' route or by another, and never what has changed."""

from __future__ import annotations

import pytest
from flask import Flask

from app.access import Role
from app.commands.payments import collection, payment_orders
from app.db import db, transaction
from app.errors import Refusal
from app.models import CollectionMethod, Gateway, OrderKind, OrderLine, PaymentOrder, Route, SalesOrder, User
from app.models.method import GatewayState
from app.queries.payments import shares
from tests import factories, moves
from tests.commands.collecting import CARD, booked, fresh, request
from tests.gateways.scripted import ScriptedGateway


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user(Role.SALES_MANAGER)


@pytest.fixture
def order(gateway: ScriptedGateway, seller: User) -> SalesOrder:
    return booked(seller)


def left(order: SalesOrder) -> list[int]:
    return [share.left.minor for share in shares.of_order(fresh(order))]


def test_what_is_named_is_left_no_more_until_its_payment_order_is_cancelled(order: SalesOrder, seller: User) -> None:
    terminal, licence = (line.id for line in order.lines)
    assert left(order) == [11_900, 29_155]
    row = request(order, seller, minor=11_900, line_ids=[terminal])
    assert left(order) == [0, 29_155]
    with pytest.raises(Refusal, match="lines_changed"):
        request(order, seller, minor=11_900, key="again", line_ids=[terminal])
    payment_orders.cancel(row.id, because="Asked another way", by=seller)
    assert left(order) == [11_900, 29_155]
    assert request(order, seller, minor=29_155, line_ids=[licence]).lines[0].order_line_id == licence


def test_what_is_asked_for_without_lines_is_no_lines_but_counts(order: SalesOrder, seller: User) -> None:
    request(order, seller, minor=30_000)
    assert left(order) == [11_900, 29_155]
    with pytest.raises(Refusal, match="more_than_due"):
        request(order, seller, minor=11_900, line_ids=[order.lines[0].id])


def test_lines_that_were_edited_since_the_form_was_shown_are_refused(order: SalesOrder, seller: User) -> None:
    line_id = order.lines[0].id
    with transaction() as session:
        session.get_one(OrderLine, line_id).unit_price = 90
    with pytest.raises(Refusal, match="lines_changed"):
        request(order, seller, minor=11_900, line_ids=[line_id])
    other = factories.order(owner=seller)
    with pytest.raises(Refusal, match="lines_changed"):
        request(order, seller, minor=11_900, line_ids=[other.lines[0].id])


def test_a_line_that_is_taken_off_the_order_leaves_its_words(order: SalesOrder, seller: User) -> None:
    row = request(order, seller, minor=11_900, line_ids=[order.lines[0].id])
    with transaction() as session:
        session.delete(session.get_one(OrderLine, order.lines[0].id))
    line = fresh(row).lines[0]
    assert (line.order_line_id, line.description) == (None, "1 × Bedside terminal 1")


def test_a_charge_goes_by_the_route_that_was_chosen(order: SalesOrder, seller: User) -> None:
    other = moves.route(moves.gateway().id)
    by_rules, chosen = request(order, seller, key="rules"), request(order, seller, key="chosen", route_id=other.id)
    first = moves.first_route().id
    assert [(x.route_id, x.route_chosen) for x in (by_rules, chosen)] == [(first, False), (other.id, True)]
    for row, route_id in ((by_rules, first), (chosen, other.id)):
        assert collection.blocks(fresh(row)) == []
        attempt = collection.collect(row.id, pay_with=CARD, form_key=f"pay-{row.id}", by=seller)
        assert attempt.route_id == route_id
        assert attempt.gateway_id == db.session.get_one(Route, route_id).gateway_id


def test_a_chosen_route_whose_gateway_is_down_keeps_its_payment_order_waiting(order: SalesOrder, seller: User) -> None:
    gateway = moves.gateway()
    row = request(order, seller, route_id=moves.route(gateway.id).id)
    with transaction() as session:
        session.get_one(Gateway, gateway.id).status = GatewayState.UNAVAILABLE
    assert [x.code for x in collection.blocks(fresh(row))] == ["no_route"]


def test_a_chosen_route_that_was_closed_leaves_it_to_the_rules(order: SalesOrder, seller: User) -> None:
    other = moves.route(moves.gateway().id)
    row = request(order, seller, route_id=other.id)
    with transaction() as session:
        session.get_one(Route, other.id).active = False
    attempt = collection.collect(row.id, pay_with=CARD, form_key="pay", by=seller)
    assert attempt.route_id == moves.first_route().id


@pytest.mark.parametrize(
    "narrow", [{"amount_max": 9_999, "currency": "EUR"}, {"currency": "USD"}, {"order_kind": OrderKind.ONE_TIME}]
)
def test_a_route_that_does_not_take_it_is_refused(order: SalesOrder, seller: User, narrow: dict[str, object]) -> None:
    other = moves.route(moves.gateway().id, **narrow)
    before = db.session.query(PaymentOrder).count()
    with pytest.raises(Refusal, match="route_unfit"):
        request(order, seller, route_id=other.id)
    assert db.session.query(PaymentOrder).count() == before


def test_what_comes_by_transfer_takes_no_route(order: SalesOrder, seller: User) -> None:
    other = moves.route(moves.gateway().id)
    row = request(order, seller, collection=CollectionMethod.OFFLINE, route_id=other.id)
    assert (row.route_id, row.route_chosen) == (None, False)
