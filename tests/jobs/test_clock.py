"""The clock: each tick fires once per due time, however many clocks run and whatever breaks around them."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from app import clock, jobs
from app.db import db
from app.jobs import registry, ticks
from app.jobs.ticks import Clock
from app.models import StagedJob, Tick
from tests.jobs.together import together

EVERY = timedelta(seconds=30)


@pytest.fixture
def fired(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When the one tick of this test ran."""
    times: list[datetime] = []
    monkeypatch.setattr(registry, "_ticks", {})
    jobs.tick("test.tick", every=EVERY)(lambda: times.append(clock.now()))
    return times


def unfinished() -> int:
    return db.session.scalar(select(func.count(StagedJob.id)).where(StagedJob.done_at.is_(None))) or 0


def test_a_tick_fires_once_a_period(app: Flask, fired: list[datetime]) -> None:
    ours, now = Clock(), clock.now()
    assert ours.round(now) == ["test.tick"]
    assert ours.round(now) == []
    jobs.run_due()
    assert len(fired) == 1
    assert ours.round(now + EVERY) == ["test.tick"]


def test_several_clocks_fire_a_tick_once(any_app: Flask, fired: list[datetime]) -> None:
    now = clock.now()
    fires = together(any_app, lambda: Clock().round(now))
    assert sorted(fires) == [[], [], [], ["test.tick"]]
    assert unfinished() == 1


def test_control_without_the_claimed_row_each_clock_fires(
    any_app: Flask, fired: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "insert_once", lambda model, **values: True)
    now = clock.now()
    assert sum(len(names) for names in together(any_app, lambda: Clock().round(now))) == 4


def test_ticks_do_not_pile_up_behind_a_slow_one(app: Flask, fired: list[datetime]) -> None:
    now = clock.now()
    for period in range(5):
        Clock().round(now + period * EVERY)
    assert unfinished() == 1
    with time_machine.travel(now + 5 * EVERY):
        jobs.run_due()
        Clock().round(clock.now())
        assert unfinished() == 1


def test_a_clock_set_back_fires_nothing_twice(app: Flask, fired: list[datetime]) -> None:
    now = clock.now()
    Clock().round(now)
    Clock().round(now + EVERY)
    assert Clock().round(now) == []
    assert Clock().round(now - timedelta(minutes=10)) == ["test.tick"]


def test_a_failing_tick_is_not_retried_but_comes_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_ticks", {})
    jobs.tick("test.tick", every=EVERY)(lambda: 1 / 0)
    now = clock.now()
    Clock().round(now)
    jobs.run_due()
    assert db.session.scalar(select(StagedJob.failed_at)) is not None
    assert Clock().round(now + EVERY) == ["test.tick"]
    assert unfinished() == 2


def test_an_inline_tick_needs_no_worker(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_ticks", {})
    ran: list[int] = []
    jobs.tick("test.inline", every=EVERY, inline=True)(lambda: ran.append(1))
    Clock().round(clock.now())
    assert ran == [1]
    assert unfinished() == 0


def test_the_clock_goes_on_when_the_database_comes_back(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    ours = Clock()
    rounds: list[int] = []

    def broken_at_first(now: datetime) -> list[str]:
        rounds.append(1)
        if len(rounds) < 4:
            raise OperationalError("SELECT 1", {}, Exception("the database is restarting"))
        stop.set()
        return []

    monkeypatch.setattr(ours, "round", broken_at_first)
    monkeypatch.setattr(stop, "wait", lambda seconds: None)
    with capture_logs() as logs:
        ours.run(stop)
    assert [line["event"] for line in logs] == ["clock.trouble", "clock.recovered"]


def test_old_rows_are_swept_out_and_failed_jobs_stay(app: Flask, done: list[int]) -> None:
    from app.db import transaction
    from app.jobs.housekeeping import prune

    long_ago = clock.now() - timedelta(days=40)
    with transaction() as session:
        session.add_all(
            [
                StagedJob(kind="old", done_at=long_ago),
                StagedJob(kind="broken", failed_at=long_ago),
                StagedJob(kind="new", done_at=clock.now()),
                Tick(name="t", due_at=long_ago),
                Tick(name="t", due_at=clock.now()),
            ]
        )
    prune()
    assert set(db.session.scalars(select(StagedJob.kind))) == {"broken", "new"}
    assert db.session.scalar(select(func.count(Tick.name))) == 1
