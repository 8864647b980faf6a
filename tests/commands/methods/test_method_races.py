"""Two tabs behind one link, or a save and a withdrawal at once: one wins, on both databases."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from app.access import Role
from app.commands.methods import method_requests, method_setups
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.models import MethodRequest, MethodSetup, PaymentMethod, Token, User
from app.states.method_request import RequestStatus
from tests import factories, moves
from tests.commands.payments.test_charge_races import begin_plainly, house, slowly
from tests.gateways.scripted import ScriptedGateway, every_account
from tests.racing import race, refused

pytestmark = pytest.mark.engines


@pytest.fixture
def gateway(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    """Slow enough that two calls overlap."""
    scripted = every_account(monkeypatch)
    scripted.during_call = lambda: time.sleep(0.05)
    return scripted


@pytest.fixture
def request_id(gateway: ScriptedGateway) -> int:
    row = moves.asked(factories.account())
    end_read()
    return row.id


def save(request_id: int, key: str) -> Callable[[], MethodSetup]:
    def call() -> MethodSetup:
        words = {"card_label": "Visa ending 4242", "holder": "Maria Keller", "consent_text": "OK"}
        setup = method_setups.start(request_id, instrument="card-ok", form_key=key, **words)
        return method_setups.execute(setup.id)

    return call


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_two_tabs_are_one_method(any_app: Flask, gateway: ScriptedGateway, request_id: int) -> None:
    results = race(any_app, [save(request_id, f"tab-{n}") for n in range(4)])
    assert len(refused(results)) == 3 and set(refused(results)) <= {"saving", "saved"}
    assert len(gateway.kept) == count(PaymentMethod) == count(Token) == count(MethodSetup) == 1


def test_a_double_click_is_one_try_with_one_answer(any_app: Flask, gateway: ScriptedGateway, request_id: int) -> None:
    results = race(any_app, [save(request_id, "same form")] * 4)
    assert {r.id for r in results} == {db.session.scalars(select(MethodSetup.id)).one()}
    assert len(gateway.kept) == count(PaymentMethod) == 1


def test_control_two_tabs_without_locks_go_wrong(
    any_app: Flask, gateway: ScriptedGateway, request_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import Engine, event

    def unheld(model: type[Any], id: int) -> Any:
        return db.session.get_one(model, id, populate_existing=True)

    with transaction() as session:
        session.execute(text("DROP INDEX uq_method_setup_open"))
    monkeypatch.setattr(method_setups, "lock", unheld)
    monkeypatch.setattr(method_setups, "_refuse_unless_live", slowly(method_setups._refuse_unless_live))
    event.remove(Engine, "begin", house._begin_sqlite)
    event.listen(Engine, "begin", begin_plainly)
    try:
        results = race(any_app, [save(request_id, f"tab-{n}") for n in range(4)])
    finally:
        event.remove(Engine, "begin", begin_plainly)
        event.listen(Engine, "begin", house._begin_sqlite)
    broke = [r for r in results if isinstance(r, Exception) and not isinstance(r, Refusal)]
    assert len(gateway.kept) > 1 or broke


def test_a_save_and_a_withdrawal_cannot_both_win(any_app: Flask, gateway: ScriptedGateway, request_id: int) -> None:
    person_id = factories.user(Role.AR).id

    def revoke() -> MethodRequest:
        return method_requests.revoke(request_id, because="x", by=db.session.get_one(User, person_id))

    results = race(any_app, [save(request_id, "tab"), revoke])
    assert len(refused(results)) == 1 and set(refused(results)) <= {"saving", "not_live", "link_dead"}
    db.session.rollback()
    status = db.session.scalars(select(MethodRequest.status)).one()
    assert (status is RequestStatus.DONE) is (count(PaymentMethod) == 1)


def test_two_who_ask_at_once_are_one_link(any_app: Flask, gateway: ScriptedGateway) -> None:
    customer, person_id, route_id = factories.account(), factories.user(Role.AR).id, moves.first_route().id
    account_id, contact_id = customer.id, customer.billing_contact_id or 0
    end_read()

    def ask(key: str) -> Callable[[], Any]:
        return lambda: method_requests.send(
            account_id, contact_id, route_id, form_key=key, by=db.session.get_one(User, person_id)
        )

    results = race(any_app, [ask(f"k{n}") for n in range(4)])
    assert set(refused(results)) <= {"mail_on_its_way"} and len(refused(results)) == 3
    assert count(MethodRequest) == 1
