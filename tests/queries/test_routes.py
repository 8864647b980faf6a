"""Which way a charge goes: the first that matches, its fallback, and the rule for gateways being retired."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app import clock
from app.access import Role
from app.commands.office import accounts
from app.commands.office.accounts import Profile
from app.commands.payments import collection
from app.commands.routing import gateways
from app.db import db, transaction
from app.errors import Refusal
from app.models import Attempt, Gateway, OrderKind
from app.models.method import GatewayState
from app.money import Money
from app.queries import routes
from app.queries.routes import GatewayRow, RouteRow, Wanted
from app.states.gateway import GatewayEvent
from tests import factories, moves
from tests.commands.collecting import CARD

HERE = GatewayRow(1, "here", "sandbox", "test", "Here", GatewayState.ACTIVE, ("EUR", "USD"), None)
THERE = replace(HERE, id=2, key="there", name="There")
ROUTE = RouteRow(1, "r", "R", 1, True, None, "", None, None, None, "BRIGHTWATER", False, HERE, None)


@pytest.mark.parametrize(
    ("asks", "wanted", "matches"),
    [
        ({}, Wanted("EUR"), True),
        ({}, Wanted("CHF"), False),
        ({"active": False}, Wanted("EUR"), False),
        ({"currency": "EUR"}, Wanted("EUR"), True),
        ({"currency": "EUR"}, Wanted("USD"), False),
        ({"account_group": "clinics"}, Wanted("EUR"), False),
        ({"account_group": "clinics"}, Wanted("EUR", account_group="clinics"), True),
        ({"account_group": ""}, Wanted("EUR", account_group="clinics"), True),
        ({"order_kind": OrderKind.RECURRING}, Wanted("EUR"), False),
        ({"order_kind": OrderKind.RECURRING}, Wanted("EUR", kind=OrderKind.RECURRING), True),
        ({"amount_min": 100}, Wanted("EUR", 99), False),
        ({"amount_min": 100}, Wanted("EUR", 100), True),
        ({"amount_max": 100}, Wanted("EUR", 100), True),
        ({"amount_max": 100}, Wanted("EUR", 101), False),
        ({"amount_min": 100, "amount_max": 200}, Wanted("EUR"), True),
    ],
)
def test_a_route_matches_by_all_it_asks_for(asks: dict[str, Any], wanted: Wanted, matches: bool) -> None:
    assert replace(ROUTE, **asks).matches(wanted) is matches


CURRENCIES, GROUPS = st.sampled_from(["EUR", "USD", "CHF"]), st.sampled_from(["", "clinics", "public"])
ROUTES = st.lists(
    st.builds(
        RouteRow,
        id=st.integers(1, 9),
        key=st.just("r"),
        name=st.just("R"),
        position=st.integers(1, 9),
        active=st.booleans(),
        currency=st.none() | CURRENCIES,
        account_group=GROUPS,
        order_kind=st.none() | st.sampled_from(OrderKind),
        amount_min=st.none() | st.integers(0, 500),
        amount_max=st.none() | st.integers(0, 500),
        descriptor=st.just("BRIGHTWATER"),
        capture_later=st.booleans(),
        gateway=st.sampled_from([HERE, THERE]),
        fallback=st.none() | st.sampled_from([HERE, THERE]),
    ),
    max_size=8,
)
WANTED = st.builds(
    Wanted, CURRENCIES, st.none() | st.integers(1, 500), GROUPS, st.sampled_from(OrderKind), st.booleans()
)


@given(rows=ROUTES, wanted=WANTED)
def test_the_first_match_by_order_takes_the_charge(rows: list[RouteRow], wanted: Wanted) -> None:
    found = routes.first(rows, wanted)
    matching = [row for row in rows if row.matches(wanted)]
    assert found is (matching[0] if matching else None)
    if found is not None:
        assert not any(row.matches(wanted) for row in rows[: rows.index(found)])


@given(rows=ROUTES, wanted=WANTED, chosen=st.integers(0, 9))
def test_a_chosen_route_goes_before_the_others_as_long_as_it_matches(
    rows: list[RouteRow], wanted: Wanted, chosen: int
) -> None:
    numbered = [replace(row, id=n) for n, row in enumerate(rows)]
    found = routes.first(numbered, replace(wanted, route_id=chosen))
    fits = chosen < len(numbered) and numbered[chosen].matches(wanted)
    assert found is (numbered[chosen] if fits else routes.first(numbered, wanted))


@given(rows=ROUTES, wanted=WANTED)
def test_what_fits_is_every_open_way_in_the_order_of_the_rules(rows: list[RouteRow], wanted: Wanted) -> None:
    found = routes.fitting(rows, wanted)
    assert [way.route for way in found] == [x for x in rows if x.matches(wanted) and routes.way(x, wanted).open]
    assert all(way.open and way.gateway.takes(wanted) for way in found)


@pytest.mark.parametrize(
    ("own", "fallback", "taken"),
    [
        (GatewayState.ACTIVE, GatewayState.ACTIVE, "here"),
        (GatewayState.UNAVAILABLE, GatewayState.ACTIVE, "there"),
        (GatewayState.DEPRECATED, GatewayState.ACTIVE, "there"),
        (GatewayState.REMOVED, GatewayState.ACTIVE, "there"),
        (GatewayState.UNAVAILABLE, GatewayState.UNAVAILABLE, None),
        (GatewayState.UNAVAILABLE, None, None),
    ],
)
def test_the_fallback_is_taken_while_the_first_cannot_be_used(
    own: GatewayState, fallback: GatewayState | None, taken: str | None
) -> None:
    row = replace(ROUTE, gateway=replace(HERE, state=own))
    row = replace(row, fallback=replace(THERE, state=fallback) if fallback else None)
    way = routes.way(row, Wanted("EUR"))
    assert (way.gateway.key if way.open else None) == taken
    assert way.by_fallback is (taken == "there")


def test_a_fallback_that_lacks_the_currency_is_none() -> None:
    row = replace(ROUTE, gateway=replace(HERE, state=GatewayState.UNAVAILABLE))
    way = routes.way(replace(row, fallback=replace(THERE, currencies=("USD",))), Wanted("EUR"))
    assert not way.open


@pytest.mark.parametrize(
    ("days", "agreement", "open"), [(1, True, True), (0, True, True), (-1, True, False), (1, False, False)]
)
def test_a_gateway_being_retired_charges_running_agreements_until_its_day(
    app: Flask, days: int, agreement: bool, open: bool
) -> None:
    factories.company()
    until = clock.today(factories.ZONE) + timedelta(days=days)
    row = replace(ROUTE, gateway=replace(HERE, state=GatewayState.DEPRECATED, legacy_until=until))
    assert routes.way(row, Wanted("EUR", agreement=agreement)).open is open


def test_without_a_day_nothing_is_charged_there(app: Flask) -> None:
    factories.company()
    row = replace(ROUTE, gateway=replace(HERE, state=GatewayState.DEPRECATED))
    assert not routes.way(row, Wanted("EUR", agreement=True)).open


def test_what_is_read_is_what_was_written(app: Flask) -> None:
    second = moves.gateway("harbour", currencies=("EUR",))
    written = {"currency": "EUR", "account_group": "clinics", "order_kind": OrderKind.RECURRING, "amount_max": 900}
    moves.route(second.id, fallback_id=moves.first_gateway().id, **written)
    until = date(2027, 3, 31)
    gateways.move(second.id, GatewayEvent.DEPRECATE, because="Contract ends", legacy_until=until, by=moves.admin())
    row = routes.load()[1]
    assert (row.currency, row.account_group, row.order_kind, row.amount_min, row.amount_max) == (
        "EUR",
        "clinics",
        OrderKind.RECURRING,
        None,
        900,
    )
    assert (row.gateway.state, row.gateway.legacy_until) == (GatewayState.DEPRECATED, until)
    assert row.fallback is not None and row.fallback.key == "sandbox"


def test_a_charge_goes_the_way_its_order_asks_for_and_remembers_it(app: Flask) -> None:
    """A group and a recurring order: the attempt names the route and its gateway."""
    seller, second = factories.user(Role.SALES_MANAGER), moves.gateway()
    special = moves.route(second.id, account_group="clinics", order_kind=OrderKind.RECURRING)
    with transaction():
        first = moves.first_route()
        first.order_kind, first.position = OrderKind.ONE_TIME, 5
    customer = factories.account()
    profile = Profile(name=customer.name, currency="EUR", account_group="clinics")
    accounts.edit(customer.id, profile, by=seller)
    order = factories.order(owner=seller, customer=db.session.merge(customer))
    attempt = collection.collect_first(order.id, pay_with=CARD, form_key="k", by=seller)
    assert (attempt.route_id, attempt.gateway_id) == (special.id, second.id)


def test_no_match_is_refused_before_anything_is_written(app: Flask) -> None:
    order = factories.order(owner=factories.user(Role.SALES_MANAGER))
    with transaction():
        moves.first_route().amount_max = 1
    with pytest.raises(Refusal, match="no_route"):
        routes.choose(routes.wanted(order.account_id, Money(500, "EUR"), order.id))
    assert db.session.query(Attempt).count() == 0


def test_an_order_is_recurring_if_anything_in_it_is(app: Flask) -> None:
    owner = factories.user(Role.SALES_MANAGER)
    once = factories.order(owner=owner, lines=[factories.line(1)])
    again = factories.order(owner=owner)
    kinds = [routes.wanted(x.account_id, Money(1, "EUR"), x.id).kind for x in (once, again)]
    assert kinds == [OrderKind.ONE_TIME, OrderKind.RECURRING]


def test_the_state_is_the_same_asked_of_the_row_and_of_the_database(app: Flask) -> None:
    row = moves.first_gateway()
    for status in GatewayState:
        for down in (None, clock.now()):
            with transaction() as session:
                row = session.get_one(Gateway, row.id)
                row.status, row.down_since = status, down
            found = db.session.query(Gateway.state).scalar()
            assert found is row.state
            silent = down is not None and status in (GatewayState.ACTIVE, GatewayState.DEPRECATED)
            assert row.state is (GatewayState.UNAVAILABLE if silent else status)
