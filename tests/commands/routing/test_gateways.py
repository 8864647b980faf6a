"""Gateways: what the admin may do with one, when it counts as silent, and how it comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.payments import charges, collection
from app.commands.routing import gateway_health, gateways
from app.commands.routing.gateways import Facts
from app.db import db, transaction
from app.errors import Refusal
from app.gateways.outcome import Outcome
from app.models import Audit, Gateway, History
from app.models.method import GatewayState
from app.queries import gateways as queries
from app.states.gateway import GatewayEvent as E
from tests import factories, moves
from tests.commands.collecting import CARD, fresh
from tests.gateways.scripted import ScriptedGateway

EUR = Facts(name="Harbour", currencies=("EUR",))


def test_a_new_gateway_is_active_and_in_the_audit_trail(app: Flask) -> None:
    row = moves.gateway("harbour")
    assert (row.status, row.state) == (GatewayState.ACTIVE, GatewayState.ACTIVE)
    assert db.session.scalar(select(Audit.subject).where(Audit.action == "gateway.create")) == "harbour"


@pytest.mark.parametrize(
    ("key", "kind", "mode", "facts", "code"),
    [
        ("sandbox", "sandbox", "test", EUR, "key_taken"),
        ("new", "nowhere", "test", EUR, "no_adapter"),
        ("new", "sandbox", "real", EUR, "no_mode"),
        ("new", "sandbox", "test", Facts(name=" ", currencies=("EUR",)), "name_missing"),
        ("new", "sandbox", "test", Facts(name="N", currencies=("XXQ",)), "no_currency"),
        ("new", "sandbox", "test", Facts(name="N", currencies=()), "no_currency"),
    ],
)
def test_a_gateway_that_cannot_be_is_refused(
    app: Flask, key: str, kind: str, mode: str, facts: Facts, code: str
) -> None:
    factories.company()
    with pytest.raises(Refusal, match=code):
        gateways.create(key, kind, mode, facts, by=moves.admin())


def test_only_payment_admins_manage_gateways(app: Flask) -> None:
    row, ann = moves.first_gateway(), factories.user(Role.SALES_MANAGER)
    for act in (
        lambda: gateways.create("new", "sandbox", "test", EUR, by=ann),
        lambda: gateways.edit(row.id, EUR, by=ann),
        lambda: gateways.move(row.id, E.SUSPEND, because="x", by=ann),
        lambda: gateways.check(row.id, by=ann),
    ):
        with pytest.raises(Refusal, match="not_permitted"):
            act()


def test_a_move_has_its_reason_its_history_and_its_audit_row(app: Flask) -> None:
    row, until = moves.gateway(), clock.today(factories.ZONE) + timedelta(days=90)
    gateways.move(row.id, E.DEPRECATE, because="The contract ends", legacy_until=until, by=moves.admin())
    assert (fresh(row).status, row.legacy_until) == (GatewayState.DEPRECATED, until)
    happened = db.session.scalars(
        select(History).where(History.entity == "gateway", History.event == "deprecate")
    ).one()
    assert happened.because == "The contract ends"
    assert db.session.scalar(select(Audit.after).where(Audit.action == "gateway.deprecate"))["status"] == "deprecated"
    gateways.move(row.id, E.ACTIVATE, because="Prolonged", by=moves.admin())
    assert fresh(row).legacy_until is None


@pytest.mark.parametrize(
    ("because", "event", "code"), [("", E.SUSPEND, "reason_missing"), ("x", E.ACTIVATE, "no_move")]
)
def test_a_move_needs_a_reason_and_an_edge(app: Flask, because: str, event: E, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        gateways.move(moves.gateway().id, event, because=because, by=moves.admin())


def test_a_gateway_that_a_route_needs_is_not_removed(app: Flask) -> None:
    row = moves.first_gateway()
    with pytest.raises(Refusal, match="routes_point_here") as refused:
        gateways.move(row.id, E.REMOVE, because="Gone", by=moves.admin())
    assert "Cards" in refused.value.sentence
    second = moves.gateway()
    moves.route(moves.gateway().id, fallback_id=second.id)
    with pytest.raises(Refusal, match="routes_point_here"):
        gateways.move(second.id, E.REMOVE, because="Gone", by=moves.admin())


def test_a_currency_that_a_route_needs_stays(app: Flask) -> None:
    row = moves.gateway()
    moves.route(row.id, currency="USD")
    with pytest.raises(Refusal, match="route_needs_currency"):
        gateways.edit(row.id, EUR, by=moves.admin())


# Health


def silence(gateway_id: int, times: int) -> None:
    for _ in range(times):
        gateway_health.heard(gateway_id, Outcome.UNKNOWN, "time-out")


def test_five_answers_in_a_row_that_tell_nothing_make_it_unavailable(app: Flask) -> None:
    row = moves.first_gateway()
    silence(row.id, 4)
    assert fresh(row).state is GatewayState.ACTIVE
    silence(row.id, 1)
    assert (fresh(row).state, row.status, row.down_error) == (
        GatewayState.UNAVAILABLE,
        GatewayState.ACTIVE,
        "time-out",
    )


def test_an_answer_between_begins_the_count_anew(app: Flask) -> None:
    row = moves.first_gateway()
    for outcome in (Outcome.DECLINED, Outcome.SUCCEEDED, Outcome.FAILED, Outcome.REQUIRES_ACTION, Outcome.PENDING):
        silence(row.id, 4)
        gateway_health.heard(row.id, outcome)
    assert (fresh(row).silent, row.state) == (0, GatewayState.ACTIVE)


def test_silences_far_apart_are_not_in_a_row(app: Flask) -> None:
    row = moves.first_gateway()
    with time_machine.travel("2026-11-20 10:00Z", tick=False) as traveller:
        for _ in range(10):
            silence(row.id, 1)
            traveller.shift(timedelta(minutes=4))
    assert fresh(row).state is GatewayState.ACTIVE


@pytest.mark.parametrize("status", [GatewayState.ACTIVE, GatewayState.DEPRECATED])
def test_recovery_returns_to_what_the_admin_said(app: Flask, gateway: ScriptedGateway, status: GatewayState) -> None:
    row = moves.gateway()
    with transaction() as session:
        session.get_one(Gateway, row.id).status = status
    silence(row.id, 5)
    gateway.down = True
    assert gateway_health.probe() == 0
    assert (fresh(row).state, row.down_error) == (GatewayState.UNAVAILABLE, "It does not answer.")
    gateway.down = False
    assert gateway_health.probe() == 1
    assert (fresh(row).state, row.down_since) == (status, None)
    assert row.recovered_at is not None and row.checked_at is not None
    events = db.session.scalars(select(History.event).where(History.entity == "gateway", History.entity_id == row.id))
    assert list(events)[-2:] == ["went_silent", "recovered"]


def test_one_that_the_admin_switched_off_stays_off_when_it_answers(app: Flask, gateway: ScriptedGateway) -> None:
    row = moves.gateway()
    silence(row.id, 5)
    gateways.move(row.id, E.SUSPEND, because="Maintenance", by=moves.admin())
    gateway_health.probe()
    assert (fresh(row).state, row.down_since) == (GatewayState.UNAVAILABLE, None)


def test_a_removed_gateway_is_not_asked_any_more(app: Flask, gateway: ScriptedGateway) -> None:
    row = moves.gateway()
    silence(row.id, 5)
    gateways.move(row.id, E.REMOVE, because="Gone", by=moves.admin())
    assert gateway_health.probe() == 0
    assert fresh(row).down_since is not None


def test_charges_notice_the_silence_and_then_wait_before_anything_is_written(gateway: ScriptedGateway) -> None:
    """Four lost answers and a fifth: the next charge is refused, what is under way is still asked about and heals."""
    seller = factories.user(Role.SALES_MANAGER)
    gateway.answers = ["lost before"]
    for n in range(5):
        order = factories.order(owner=seller)
        attempt = collection.collect_first(order.id, pay_with=CARD, form_key=f"k{n}", by=seller)
    row = moves.first_gateway()
    assert fresh(row).state is GatewayState.UNAVAILABLE
    assert queries.counts_waiting()[row.id] >= 5
    assert {x.what for x in queries.waiting(row.id)} == {"Payment under way", "Open checkout"}
    with pytest.raises(Refusal, match="no_route") as refused:
        collection.prepare_first(factories.order(owner=seller).id, by=seller)
    assert "unavailable" in refused.value.sentence
    gateway.answers = ["ok"]
    charges.ask(attempt.id)
    assert fresh(row).state is GatewayState.ACTIVE


def test_a_check_by_hand_tells_what_is_wrong(gateway: ScriptedGateway) -> None:
    row, admin = moves.first_gateway(), moves.admin()
    gateway.down = True
    assert gateways.check(row.id, by=admin) == ["It does not answer."]
    gateway.down = False
    assert gateways.check(row.id, by=db.session.merge(admin)) == []


def test_the_list_says_what_hangs_on_each(app: Flask) -> None:
    second = moves.gateway()
    moves.route(second.id, fallback_id=moves.first_gateway().id)
    moves.card(factories.account(), second.id)
    lines = {line.key: line for line in queries.every()}
    assert lines[second.key].cards == 1
    assert lines["sandbox"].routes == ("Cards", "Second route (fallback)")
