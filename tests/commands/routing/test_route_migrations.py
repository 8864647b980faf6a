"""Moving a route: what it would mean, the job in batches, and the way back until the cards are forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import jobs
from app.access import Role
from app.commands.routing import gateways, route_migrations
from app.db import db, transaction
from app.errors import Refusal
from app.models import (
    Account,
    Audit,
    Fate,
    Gateway,
    MethodRequest,
    MigratedMethod,
    OrderEmail,
    Route,
    RouteMigration,
    Token,
)
from app.queries import route_migrations as queries
from app.queries import routes
from app.states.gateway import GatewayEvent
from app.states.route_migration import MigrationStatus
from tests import factories, moves
from tests.commands.collecting import fresh
from tests.gateways.scripted import ScriptedGateway


@pytest.fixture
def cards(gateway: ScriptedGateway) -> dict[str, int]:
    """One that both gateways hold, one that only the old one holds, one that expired, one of an account on hold."""
    second, first = moves.gateway("harbour", currencies=("EUR",)), moves.first_gateway()
    held = factories.account(hold_reason="Invoice dispute")
    made = {
        "both": moves.card(factories.account(), first.id, second.id),
        "one": moves.card(factories.account()),
        "expired": moves.card(factories.account(), exp_year=2020),
        "held": moves.card(held),
        "dollars": moves.card(factories.account(currency="USD")),
        "elsewhere": moves.card(factories.account(), second.id),
    }
    return {name: row.id for name, row in made.items()}


def harbour() -> Gateway:
    return db.session.scalars(select(Gateway).where(Gateway.key == "harbour")).one()


def start(**facts: Any) -> RouteMigration:
    wanted: dict[str, Any] = {"ask_customers": False, "form_key": "k", "by": moves.admin()} | facts
    return route_migrations.start(moves.first_route().id, harbour().id, **wanted)


EXPECTED = {
    "both": Fate.READY,
    "one": Fate.NEW_CARD,
    "expired": Fate.NEW_CARD,
    "held": Fate.BLOCKED,
    "dollars": Fate.BLOCKED,
}


def test_the_preview_tells_the_fate_of_every_card_and_changes_nothing(cards: dict[str, int]) -> None:
    found = queries.preview(routes.by_key("cards"), routes.gateway(harbour().id))
    assert {x.method_id: x.fate for x in found.methods} == {cards[name]: fate for name, fate in EXPECTED.items()}
    assert (found.counts, found.total) == ({Fate.READY: 1, Fate.NEW_CARD: 2, Fate.BLOCKED: 2}, 5)
    assert moves.first_route().gateway_id == moves.first_gateway().id


def test_the_run_lists_what_the_preview_said_and_takes_the_route_over(
    cards: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route_migrations, "BATCH", 2)
    row = start()
    assert moves.first_route().gateway_id == moves.first_gateway().id
    jobs.run_due(raising=True)
    assert fresh(row).status is MigrationStatus.DONE
    assert moves.first_route().gateway_id == harbour().id
    found = {x.method_id: x.fate for x in db.session.scalars(select(MigratedMethod))}
    assert found == {cards[name]: fate for name, fate in EXPECTED.items()}
    page = queries.page(row.id)
    assert (page.done, page.total, page.can_reverse, page.can_detach) == (5, 5, True, True)
    assert {x.action for x in db.session.scalars(select(Audit))} >= {"route.migrate", "route.migrated"}


def test_a_run_that_was_cut_short_goes_on_where_it_was(cards: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route_migrations, "BATCH", 2)
    row = start()
    assert route_migrations._look(row.id)
    page = queries.page(row.id)
    assert (page.done, page.total, page.line.status) == (2, 5, MigrationStatus.RUNNING)
    for _ in range(2):
        route_migrations.run(row.id)
    assert db.session.query(MigratedMethod).count() == 5
    assert fresh(row).status is MigrationStatus.DONE


def test_customers_are_asked_once_for_the_cards_that_need_replacing(cards: dict[str, int]) -> None:
    """By whoever may both manage gateways and ask."""
    row = start(ask_customers=True)
    jobs.run_due(raising=True)
    route_migrations.ask(row.id)
    asked = db.session.scalars(select(MethodRequest)).all()
    assert len(asked) == 2
    assert db.session.query(OrderEmail).filter_by(kind="method_request").count() == 2
    assert {x.route_id for x in asked} == {moves.first_route().id}


def test_it_can_be_taken_back_until_the_cards_are_forgotten(cards: dict[str, int], gateway: ScriptedGateway) -> None:
    row = start()
    jobs.run_due(raising=True)
    route_migrations.reverse(row.id, by=moves.admin())
    assert (fresh(row).status, moves.first_route().gateway_id) == (MigrationStatus.REVERSED, moves.first_gateway().id)
    again = start(form_key="k2")
    jobs.run_due(raising=True)
    route_migrations.detach(again.id, by=moves.admin())
    jobs.run_due(raising=True)
    old = db.session.scalars(select(Token).where(Token.gateway_id == moves.first_gateway().id)).all()
    assert {token.method_id for token in old if token.detached_at} == {cards["both"]}
    assert len(gateway.forgotten) == 1
    with pytest.raises(Refusal, match="no_way_back"):
        route_migrations.reverse(again.id, by=moves.admin())


def test_a_run_that_is_stopped_leaves_the_route_where_it_was(
    cards: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route_migrations, "BATCH", 1)
    row = start()
    route_migrations._look(row.id)
    route_migrations.reverse(row.id, by=moves.admin())
    jobs.run_due(raising=True)
    assert (fresh(row).status, moves.first_route().gateway_id) == (MigrationStatus.REVERSED, moves.first_gateway().id)


def test_what_cannot_be_moved_is_refused(cards: dict[str, int]) -> None:
    first = moves.first_route()
    with pytest.raises(Refusal, match="same_gateway"):
        route_migrations.start(first.id, first.gateway_id, ask_customers=False, form_key="a", by=moves.admin())
    with pytest.raises(Refusal, match="not_permitted"):
        start(by=factories.user(Role.AR))
    start()
    with pytest.raises(Refusal, match="migration_running"):
        start(form_key="other")
    assert start().id == db.session.scalars(select(RouteMigration.id)).one()


def test_a_gateway_that_is_not_active_or_lacks_the_currency_is_no_target(app: Flask) -> None:
    second, third = moves.gateway("harbour", currencies=("USD",)), moves.gateway()
    with transaction() as session:
        session.scalars(select(Route)).one().currency = "EUR"
    with pytest.raises(Refusal, match="currency_not_taken"):
        start()
    gateways.move(second.id, GatewayEvent.DEPRECATE, because="x", by=moves.admin())
    with pytest.raises(Refusal, match="gateway_closed"):
        start(form_key="k2")
    assert third.id != second.id


def test_only_accounts_that_the_route_is_for_are_touched(cards: dict[str, int]) -> None:
    with transaction() as session:
        session.scalars(select(Route)).one().account_group = "clinics"
        card = session.scalars(select(Account).order_by(Account.id)).all()[1]
        card.account_group = "clinics"
    assert queries.count(routes.by_key("cards")) == 1
