"""Routes: what each may ask for and where it may lead, their order, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.access import Role
from app.commands.routing import gateways, routes
from app.db import db, transaction
from app.errors import Refusal
from app.gateways import descriptor
from app.models import Audit, Gateway, OrderKind, Route
from app.models.method import GatewayState
from app.states.gateway import GatewayEvent
from tests import factories, moves
from tests.commands.collecting import fresh
from tests.gateways.scripted import ScriptedGateway


def order_of_routes() -> list[str]:
    db.session.expire_all()
    return list(db.session.scalars(select(Route.name).order_by(Route.position, Route.id)))


def test_a_new_route_comes_last_and_is_in_the_audit_trail(app: Flask) -> None:
    row = moves.route(moves.first_gateway().id, name="Clinics", account_group="clinics")
    assert order_of_routes() == ["Cards", "Clinics"]
    assert db.session.scalar(select(Audit.subject).where(Audit.action == "route.create")) == row.key


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": " "}, "name_missing"),
        ({"currency": "XXQ"}, "no_currency"),
        ({"currency": "CHF"}, "currency_not_taken"),
        ({"amount_min": 5}, "range_needs_currency"),
        ({"currency": "EUR", "amount_min": 5, "amount_max": 4}, "range_upside_down"),
        ({"descriptor": "ABCD"}, "descriptor_wrong"),
        ({"capture_later": True}, "cannot_capture_later"),
    ],
)
def test_a_route_that_cannot_be_is_refused(
    app: Flask, gateway: ScriptedGateway, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refusal, match=code):
        moves.route(moves.first_gateway().id, **changes)


def test_its_fallback_is_another_gateway_that_is_there(app: Flask) -> None:
    first, second = moves.first_gateway(), moves.gateway()
    with pytest.raises(Refusal, match="fallback_is_gateway"):
        moves.route(first.id, fallback_id=first.id)
    gateways.move(second.id, GatewayEvent.REMOVE, because="Gone", by=moves.admin())
    for facts in ({"fallback_id": second.id}, {"gateway_id": second.id}):
        with pytest.raises(Refusal, match="gateway_closed"):
            routes.create("x", moves.facts(**({"gateway_id": first.id} | facts)), by=moves.admin())


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("BRIGHTWATER", True),
        ("BRIGHTWATER INTL 24/7", True),
        ("ABCDE", True),
        ("ABCD", False),
        ("A" * 22, True),
        ("A" * 23, False),
        ("12345", False),
        ("BRIGHT*WATER", False),
        ("BRIGHT'WATER", False),
        ("BRIGHT<WATER", False),
        ("BRIGHT\\WATER", False),
        ("BRÄUHAUS", False),
        ("BRIGHT\tWATER", False),
    ],
)
def test_a_statement_can_show_it(text: str, fine: bool) -> None:
    assert (descriptor.complaint(text) is None) is fine


def test_an_edit_is_remembered_with_what_was_before(app: Flask) -> None:
    row = moves.first_route()
    facts = moves.facts(row.gateway_id, name="Europe", currency="EUR", order_kind=OrderKind.RECURRING)
    routes.edit(row.id, facts, by=moves.admin())
    note = db.session.scalars(select(Audit).where(Audit.action == "route.edit")).one()
    assert (note.before["name"], note.after["name"], note.after["order_kind"]) == ("Cards", "Europe", "recurring")
    routes.edit(row.id, facts, by=moves.admin())
    assert db.session.query(Audit).filter_by(action="route.edit").count() == 1


def test_the_order_is_changed_by_one_place_and_stays_at_its_ends(app: Flask) -> None:
    admin, ids = moves.admin(), [moves.route(moves.first_gateway().id, name=name).id for name in ("B", "C")]
    routes.shift(ids[1], "up", by=admin)
    assert order_of_routes() == ["Cards", "C", "B"]
    for _ in range(3):
        routes.shift(ids[1], "up", by=db.session.merge(admin))
    assert order_of_routes() == ["C", "Cards", "B"]
    routes.shift(ids[1], "down", by=db.session.merge(admin))
    assert order_of_routes() == ["Cards", "C", "B"]


def test_one_that_is_off_is_switched_on_only_while_its_gateway_is_there(app: Flask) -> None:
    row = moves.route(moves.gateway().id)
    assert not routes.switch(row.id, on=False, by=moves.admin()).active
    with transaction() as session:
        session.get_one(Gateway, fresh(row).gateway_id).status = GatewayState.REMOVED
    with pytest.raises(Refusal, match="gateway_closed"):
        routes.switch(row.id, on=True, by=moves.admin())


def test_only_payment_admins_manage_routes(app: Flask) -> None:
    row, ann = moves.first_route(), factories.user(Role.SALES_MANAGER)
    for act in (
        lambda: routes.create("x", moves.facts(row.gateway_id), by=ann),
        lambda: routes.edit(row.id, moves.facts(row.gateway_id), by=ann),
        lambda: routes.switch(row.id, on=False, by=ann),
        lambda: routes.shift(row.id, "up", by=ann),
    ):
        with pytest.raises(Refusal, match="not_permitted"):
            act()
