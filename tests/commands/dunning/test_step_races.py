"""Two schedulers meet over one step: it is done once. The control shows that without the locks it is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Engine, event, select

from app import db as house
from app.commands.agreements import holding
from app.commands.dunning import steps
from app.commands.payments import payment_links
from app.db import db, end_read
from app.models import DunningStep, PaymentAgreement
from app.queries.agreements import verdict
from tests import plans, stories
from tests.gateways.scripted import ScriptedGateway, every_account
from tests.racing import meet, race

pytestmark = pytest.mark.engines


@pytest.fixture
def gateway(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    return every_account(monkeypatch)


@pytest.fixture
def row(gateway: ScriptedGateway) -> Iterator[PaymentAgreement]:
    """A retry of it is due."""
    made = stories.declined(gateway, "insufficient_funds")
    gateway.answers = ["ok"]
    end_read()
    with time_machine.travel(stories.DUE + stories.timedelta(days=1, minutes=1), tick=True):
        yield made


def retry(row: PaymentAgreement) -> int:
    step_id = db.session.scalar(select(DunningStep.id).order_by(DunningStep.due_at).limit(1)) or 0
    end_read()
    return step_id


@contextmanager
def without_locks(monkeypatch: pytest.MonkeyPatch, looked: Callable[[], Any]) -> Iterator[None]:
    """The house as it must not be: nothing held, writers not announced. `looked` is called when a claim has looked and
    written nothing yet."""
    look = verdict.why_card_is_gone

    def unheld(model: type[Any], id: int) -> Any:
        return db.session.get_one(model, id, populate_existing=True)

    def slowly(*args: Any) -> str:
        found = look(*args)
        looked()
        return found

    for module in (holding, payment_links, steps):
        monkeypatch.setattr(module, "lock", unheld)
    monkeypatch.setattr(verdict, "why_card_is_gone", slowly)
    event.remove(Engine, "begin", house._begin_sqlite)
    event.listen(Engine, "begin", begin_plainly)
    try:
        yield
    finally:
        event.remove(Engine, "begin", begin_plainly)
        event.listen(Engine, "begin", house._begin_sqlite)


def begin_plainly(connection: Any) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")


def test_two_schedulers_do_each_step_once(any_app: Flask, gateway: ScriptedGateway, row: PaymentAgreement) -> None:
    step_id = retry(row)
    results = race(any_app, [steps.run, steps.run, lambda: steps.do(step_id)])
    assert not [r for r in results if isinstance(r, Exception)] and sum(map(int, results)) == 1
    assert len(plans.attempts(row)) == 2 and stories.case(row).status == "recovered" and plans.broken() == []


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)  # elsewhere the step's own row keeps the second waiting
def test_control_two_claims_without_locks_go_wrong(
    any_app: Flask, gateway: ScriptedGateway, row: PaymentAgreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    step_id, both = retry(row), threading.Barrier(2)
    with without_locks(monkeypatch, lambda: meet(both)):
        results = race(any_app, [lambda: steps.do(step_id)] * 2)
    assert [r for r in results if isinstance(r, Exception)] or len(plans.attempts(row)) > 2
