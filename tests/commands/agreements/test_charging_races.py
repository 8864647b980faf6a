"""Who charges meets who stops, and two runs meet each other: each period once, nothing once the stop has committed.

Every race has its control: with the locks taken out the same race must go wrong, or it proves nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Engine, event, select, text, update

from app import db as house
from app import settings
from app.access import Role
from app.commands.agreements import charging, claiming, ending, holding, pausing
from app.commands.office import settings as turning
from app.commands.payments import many_charges
from app.db import db, end_read, know, transaction
from app.models import Missed, PaymentAgreement, ScheduledPayment, User
from app.queries.agreements import verdict
from app.states.agreement import AgreementStatus
from tests import factories, plans
from tests.gateways.scripted import ScriptedGateway, every_account
from tests.racing import meet, race

pytestmark = pytest.mark.engines


@pytest.fixture
def gateway(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    return every_account(monkeypatch)


@pytest.fixture
def row(gateway: ScriptedGateway) -> Iterator[PaymentAgreement]:
    """Its period 2 is due today."""
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=True):
        made = plans.by_order()
    end_read()
    with time_machine.travel("2027-02-28 11:00:00+00:00", tick=True):
        yield made


@pytest.fixture
def by(any_app: Flask) -> User:
    return factories.user(Role.ADMIN)


def due(row: PaymentAgreement) -> int:
    return plans.payments(row)[0].id


def collect(payment_id: int) -> int:
    """As a run does it, but for its care that one that breaks stops no other."""
    claimed = claiming.claim([payment_id])
    many_charges.execute(claimed.attempts)
    return len(claimed.payments)


def stops(row: PaymentAgreement, by: User) -> dict[str, Callable[[], Any]]:
    agreement_id, user_id = row.id, by.id

    def me() -> User:
        return db.session.get_one(User, user_id)

    def pause() -> None:
        pausing.pause(agreement_id, until=None, missed=Missed.SKIP, because="Asked", by=me())

    def cancel() -> None:
        ending.cancel(agreement_id, at_period_end=False, because="Asked", by=me())

    def switch_off() -> None:
        turning.turn(settings.RECURRING.key, False, by=me())

    return {"pause": pause, "cancel": cancel, "setting off": switch_off}


@contextmanager
def without_locks(monkeypatch: pytest.MonkeyPatch, looked: Callable[[], Any]) -> Iterator[None]:
    """The house as it must not be: rows not held, writers not announced, the setting read and not held. `looked` is
    called when a claim has looked at the verdict and has written nothing yet."""
    look = verdict.of_all

    def unheld(model: type[Any], id: int) -> Any:
        return db.session.get_one(model, id, populate_existing=True)

    def all_unheld(model: type[Any], ids: Iterable[int | None], *options: Any) -> list[Any]:
        query = select(model).where(model.id.in_([id for id in ids if id is not None])).order_by(model.id)
        return know(query.options(*options).execution_options(populate_existing=True))

    def slowly(agreement_ids: Sequence[int]) -> Any:
        found = look(agreement_ids)
        looked()
        return found

    for module in (claiming, holding, ending):
        monkeypatch.setattr(module, "lock", unheld)
    for module in (claiming, holding):
        monkeypatch.setattr(module, "lock_all", all_unheld)
    monkeypatch.setattr(settings, "fresh", settings.get)
    monkeypatch.setattr(verdict, "of_all", slowly)
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


@pytest.mark.parametrize("stop", ["pause", "cancel", "setting off"])
def test_charge_meets_stop(
    any_app: Flask, gateway: ScriptedGateway, row: PaymentAgreement, by: User, stop: str
) -> None:
    """Either the charge was first and its period is paid, or nothing was charged; the rows tell the order."""
    payment_id = due(row)
    end_read()
    results = race(any_app, [lambda: collect(payment_id), stops(row, by)[stop]])
    assert not [r for r in results if isinstance(r, Exception)]
    charged = len(gateway.booked) == 2
    assert charged is (results[0] == 1)
    expected = "paid" if charged else {"pause": "scheduled", "cancel": "cancelled", "setting off": "scheduled"}[stop]
    assert plans.states(row, 1) == [expected] and plans.broken() == []


def test_a_batch_meets_stops(any_app: Flask, gateway: ScriptedGateway, row: PaymentAgreement, by: User) -> None:
    """Of three that are due together one is paused and one cancelled meanwhile; each is charged or stopped."""
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=True):
        rows = [row, plans.by_order(), plans.by_order()]
    stopping = [stops(rows[0], by)["pause"], stops(rows[1], by)["cancel"]]
    end_read()
    results = race(any_app, [lambda: charging.batch(50), *stopping])
    assert not [r for r in results if isinstance(r, Exception)]
    ended = [plans.states(x, 1)[0] for x in rows]
    assert ended[0] in ("paid", "scheduled") and ended[1] in ("paid", "cancelled") and ended[2] == "paid"
    assert len(gateway.booked) == 3 + ended.count("paid") and results[0] == ended.count("paid")
    assert plans.broken() == []


@pytest.mark.parametrize("stop", ["pause", "setting off"])
def test_control_charge_meets_stop_without_locks(
    any_app: Flask,
    gateway: ScriptedGateway,
    row: PaymentAgreement,
    by: User,
    stop: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Looked before the stop, wrote after it."""
    payment_id, act = due(row), stops(row, by)[stop]
    looked, stopped = threading.Event(), threading.Event()
    end_read()

    def wait() -> None:
        looked.set()
        stopped.wait(10)

    def stop_then() -> None:
        looked.wait(10)
        try:
            act()
        finally:
            stopped.set()

    with without_locks(monkeypatch, wait):
        results = race(any_app, [lambda: collect(payment_id), stop_then])
    assert [r for r in results if isinstance(r, Exception)] or plans.broken()


def test_two_runs_charge_each_period_once(any_app: Flask, gateway: ScriptedGateway, row: PaymentAgreement) -> None:
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=True):
        rows = [row, *(plans.by_order() for _ in range(5))]
    end_read()
    results = race(any_app, [charging.run] * 3)
    assert not [r for r in results if isinstance(r, Exception)] and sum(results) == 6
    assert [plans.states(x, 2) for x in rows] == [["paid", "scheduled"]] * 6
    assert len(gateway.booked) == 12 and plans.broken() == []


def test_two_claims_of_one_period_are_one_charge(
    any_app: Flask, gateway: ScriptedGateway, row: PaymentAgreement
) -> None:
    payment_id = due(row)
    end_read()
    results = race(any_app, [lambda: collect(payment_id)] * 3)
    assert sorted(results) == [0, 0, 1]
    assert len(gateway.booked) == 2 and plans.broken() == []


def test_control_two_claims_without_locks_go_wrong(
    any_app: Flask, gateway: ScriptedGateway, row: PaymentAgreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_id = due(row)
    end_read()
    both = threading.Barrier(2)
    with without_locks(monkeypatch, lambda: meet(both)):
        results = race(any_app, [lambda: collect(payment_id)] * 2)
    broke = [r for r in results if isinstance(r, Exception)]
    assert len(gateway.booked) > 2 or broke


def test_two_takings_share_what_is_due(any_app: Flask, gateway: ScriptedGateway, row: PaymentAgreement) -> None:
    """On PostgreSQL the second passes over what the first holds; on SQLite it waits and finds it taken."""
    assert race(any_app, [lambda: charging.take(10), lambda: charging.take(10)]).count([]) == 1
    with transaction() as session:
        session.execute(update(ScheduledPayment).values(held_until=None))


def test_the_database_itself_refuses_a_period_twice(any_app: Flask, row: PaymentAgreement) -> None:
    first = plans.payments(row)[0]
    columns = [c.name for c in ScheduledPayment.__table__.columns if c.name != "id"]
    names = ", ".join(columns)
    end_read()
    copied = text(f"INSERT INTO scheduled_payment ({names}) SELECT {names} FROM scheduled_payment WHERE id = :id")  # noqa: S608
    with pytest.raises(Exception, match=r"(?i)unique"), transaction() as session:
        session.execute(copied, {"id": first.id})
    status = db.session.scalar(select(PaymentAgreement.status).where(PaymentAgreement.id == row.id))
    assert status is AgreementStatus.ACTIVE
