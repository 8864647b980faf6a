"""Two who repair the same payment at once: one repair, on both databases, and a control that collides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, func, select

from app import db as house
from app.access import Role
from app.commands.payments import post_processing
from app.commands.receivables import doctor, receipts
from app.db import db, end_read
from app.gateways import registry
from app.models import History, Transaction, User
from app.queries.receivables.diagnosis import Repair
from tests import factories
from tests.commands.payments.test_charge_races import begin_plainly
from tests.commands.receivables.test_doctor import break_step, counts
from tests.gateways.scripted import ScriptedGateway
from tests.racing import meet, race

pytestmark = pytest.mark.engines


@contextmanager
def without_locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rows not held, writers not announced, and nobody writes before both have looked."""
    met, write = threading.Barrier(2), receipts.write

    def unheld(model: type[Any], id: int) -> Any:
        return db.session.get_one(model, id, populate_existing=True)

    def together(**facts: Any) -> Any:
        meet(met)
        return write(**facts)

    monkeypatch.setattr(post_processing, "lock", unheld)
    monkeypatch.setattr(receipts, "write", together)
    event.remove(Engine, "begin", house._begin_sqlite)
    event.listen(Engine, "begin", begin_plainly)
    try:
        yield
    finally:
        event.remove(Engine, "begin", begin_plainly)
        event.listen(Engine, "begin", house._begin_sqlite)


def repairs(row: Transaction, wanted: Repair, by: User, times: int) -> list[Callable[[], bool]]:
    transaction_id, user_id = row.id, by.id
    end_read()

    def press() -> bool:
        return doctor.repair(transaction_id, wanted, by=db.session.get_one(User, user_id))

    return [press] * times


@pytest.fixture
def broken(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> tuple[Transaction, User]:
    scripted = ScriptedGateway()
    monkeypatch.setattr(registry, "for_account", lambda account: scripted)
    monkeypatch.setattr(registry, "get", lambda row: scripted)
    boss = factories.user(Role.AR)
    return break_step(monkeypatch, boss, receipts, "for_transaction"), boss


def test_two_who_repair_at_once_make_one_receipt_and_one_allocation(
    any_app: Flask, broken: tuple[Transaction, User]
) -> None:
    row, boss = broken
    for wanted in (Repair.RECEIPT, Repair.ALLOCATION):
        results = race(any_app, repairs(row, wanted, boss, 3))
        assert sorted(results, key=str) == [False, False, True], results
    assert counts()[:3] == (1, 1, 1)
    kept = select(func.count()).select_from(History).where(History.event == "repaired")
    assert db.session.scalar(kept) == 2


def test_control_without_locks_two_repairs_collide(
    any_app: Flask, broken: tuple[Transaction, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    row, boss = broken
    with without_locks(monkeypatch):
        results = race(any_app, repairs(row, Repair.RECEIPT, boss, 2))
    assert results.count(False) == 0, results
    assert counts()[0] == 2 or any(isinstance(r, Exception) for r in results)
