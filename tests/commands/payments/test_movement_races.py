"""Two who move the same money at once: one wins, on both databases, and each race has a control that goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, func, select, text

from app import db as house
from app.access import Role
from app.commands.payments import disputes, movement_calls, movements
from app.db import db, end_read, transaction
from app.gateways.sandbox import disputes as sandbox_disputes
from app.models import Movement, Transaction, User
from app.money import Money
from app.queries import invariants
from app.states.movement import MovementStatus as S
from tests import factories
from tests.commands import moving
from tests.commands.payments.test_charge_races import begin_plainly
from tests.racing import race, refused

pytestmark = pytest.mark.engines


@pytest.fixture
def boss(any_app: Flask) -> User:
    return factories.user(Role.ADMIN)


def refund(transaction_id: int, minor: int, user_id: int, key: str) -> Callable[[], Movement]:
    def call() -> Movement:
        by = db.session.get_one(User, user_id)
        amount = Money(minor, "EUR")
        return movements.refund(transaction_id, amount=amount, because="Returned", form_key=key, by=by)

    return call


def count() -> int:
    db.session.expire_all()
    return db.session.scalar(select(func.count()).select_from(Movement)) or 0


@contextmanager
def without_locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The house as it must not be: rows not held, writers not announced, no unique index, and a look before a leap."""

    def unheld(model: type[Any], id: int) -> Any:
        return db.session.get_one(model, id, populate_existing=True)

    def slowly(check: Callable[..., None]) -> Callable[..., None]:
        def checked(*facts: Any) -> None:
            check(*facts)
            time.sleep(0.2)

        return checked

    with transaction() as session:
        session.execute(text("DROP INDEX uq_movement_end"))
    monkeypatch.setattr(movements, "lock", unheld)
    monkeypatch.setattr(movements, "CHECKS", {k: slowly(v) for k, v in movements.CHECKS.items()})
    monkeypatch.setattr(movement_calls, "execute", lambda id: None)
    event.remove(Engine, "begin", house._begin_sqlite)
    event.listen(Engine, "begin", begin_plainly)
    try:
        yield
    finally:
        event.remove(Engine, "begin", begin_plainly)
        event.listen(Engine, "begin", house._begin_sqlite)


def test_two_refunds_of_sixty_percent_are_one_refund(any_app: Flask, boss: User) -> None:
    charge = moving.paid(boss)
    part, boss_id = charge.amount * 6 // 10, boss.id
    end_read()
    results = race(any_app, [refund(charge.id, part, boss_id, f"k{n}") for n in range(3)])
    assert refused(results) == ["more_than_left"] * 2, results
    assert (count(), moving.figures(charge).refunded) == (1, part)
    assert invariants.broken(grace=timedelta(0)) == []


def test_control_two_refunds_without_locks_claim_more_than_there_is(
    any_app: Flask, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = moving.paid(boss)
    part, boss_id = charge.amount * 6 // 10, boss.id
    end_read()
    with without_locks(monkeypatch):
        results = race(any_app, [refund(charge.id, part, boss_id, f"k{n}") for n in range(2)])
    broke = [r for r in results if isinstance(r, Exception)]
    assert count() == 2 or broke  # SQLite answers the second writer with an error that nobody is meant to see
    assert not refused(results)


def ends(hold: Transaction, user_id: int) -> list[Callable[[], Movement]]:
    hold_id, amount = hold.id, Money(hold.amount, hold.currency)

    def capture() -> Movement:
        return movements.capture(hold_id, amount=amount, form_key="c", by=db.session.get_one(User, user_id))

    def void() -> Movement:
        return movements.void(hold_id, because="Cancelled", form_key="v", by=db.session.get_one(User, user_id))

    return [capture, void]


def test_a_capture_and_a_void_cannot_both_win(any_app: Flask, boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    moving.capture_later()
    hold, boss_id = moving.paid(boss), boss.id
    end_read()
    results = race(any_app, ends(hold, boss_id))
    assert refused(results) == ["not_held"], results
    assert count() == 1
    assert sorted(moving.actions(hold)) in (["authorize", "capture"], ["authorize", "void"])
    end_read()
    assert invariants.broken(grace=timedelta(0)) == []


def test_control_a_capture_and_a_void_without_locks_both_start(
    any_app: Flask, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving.capture_later()
    hold, boss_id = moving.paid(boss), boss.id
    end_read()
    with without_locks(monkeypatch):
        results = race(any_app, ends(hold, boss_id))
    assert count() == 2 or [r for r in results if isinstance(r, Exception)]
    assert not refused(results)


def test_a_refund_and_a_dispute_never_give_back_more_than_was_taken(any_app: Flask, boss: User) -> None:
    charge = moving.paid(boss)
    charge_id, gateway_id, ref, boss_id, amount = (
        charge.id,
        charge.gateway_id,
        charge.provider_id,
        boss.id,
        charge.amount,
    )
    end_read()

    def dispute() -> Any:
        try:
            opened = sandbox_disputes.open_one("sandbox", ref, amount=Money(amount * 6 // 10, "EUR"))
        except Exception:
            return None  # the refund was there first, and less than that is left
        return disputes.hear(gateway_id, opened.provider_id)

    race(any_app, [refund(charge_id, amount * 6 // 10, boss_id, "k"), dispute])
    figures = moving.figures(charge)
    assert figures.refunded + figures.disputed == amount * 6 // 10
    assert figures.kept >= 0
    assert invariants.broken(grace=timedelta(0)) == []


def test_an_answer_beside_sweep_and_event_writes_one_transaction(any_app: Flask, boss: User) -> None:
    from app.gateways.sandbox import script
    from app.gateways.sandbox.cards import Fault
    from app.gateways.sandbox.tables import Call

    charge = moving.paid(boss)
    script.next_call(Call.REFUND, fault=Fault.TIMEOUT_AFTER)
    row_id = moving.refund(charge, 500, boss).id
    gateway_id = charge.gateway_id
    end_read()
    from app.gateways.sandbox import books
    from app.gateways.sandbox.tables import SandboxInstruction

    with books.reading() as session:
        ref = session.scalars(select(SandboxInstruction.ref)).one()
    calls = [lambda: movement_calls.ask(row_id), lambda: movement_calls.hear(gateway_id, ref)] * 3
    results = race(any_app, calls)
    assert not [r for r in results if isinstance(r, Exception)], results
    assert moving.actions(charge) == ["charge", "refund"]
    assert db.session.get_one(Movement, row_id).status is S.SUCCEEDED
