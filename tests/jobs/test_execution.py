"""Doing jobs: under a lease, once at a time, again after failures and after the death of whoever was at it."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import and_, insert, update

from app import clock, jobs, settings
from app.db import assert_no_transaction, db, transaction
from app.jobs import execution
from app.models import Setting, StagedJob
from tests.jobs.together import together


def staged(**args: int) -> StagedJob:
    with transaction():
        job_id = jobs.stage("test.work", **args)
    return job(job_id)


def job(job_id: int) -> StagedJob:
    found = db.session.get(StagedJob, job_id, populate_existing=True)
    assert found is not None
    db.session.commit()
    return found


def test_a_handler_runs_with_no_transaction_open(app: Flask) -> None:
    jobs.handler("test.work")(lambda: assert_no_transaction())
    row = staged()
    assert jobs.run_due(raising=True) == 1
    assert job(row.id).done_at is not None


def test_a_failing_job_rests_and_is_tried_again(app: Flask) -> None:
    @jobs.handler("test.work", backoff=[timedelta(minutes=1), timedelta(minutes=5)])
    def work() -> None:
        raise ValueError("the printer is on fire")

    row = staged()
    assert jobs.run_due() == 1
    assert jobs.run_due() == 0
    first = job(row.id)
    assert (first.tries, first.lease_until) == (1, None)
    assert first.last_error == "ValueError: the printer is on fire"
    with time_machine.travel(clock.now() + timedelta(seconds=61)):
        assert jobs.run_due() == 1
        assert jobs.run_due() == 0
    with time_machine.travel(clock.now() + timedelta(seconds=63 + 300)):
        assert jobs.run_due() == 1


def test_one_of_many_that_fails_holds_up_no_other(app: Flask) -> None:
    done: list[int] = []

    @jobs.handler("test.work", most=10)
    def work(asked: list[dict[str, int]]) -> list[None]:
        numbers = [job["n"] for job in asked]
        if 2 in numbers:
            raise ValueError("two is the one")
        done.extend(numbers)
        return [None] * len(asked)

    rows = [staged(n=n) for n in (1, 2, 3)]
    assert jobs.run_due() == 3
    assert sorted(done) == [1, 3]
    assert [(job(row.id).done_at is not None, job(row.id).last_error) for row in rows] == [
        (True, None),
        (False, "ValueError: two is the one"),
        (True, None),
    ]


def test_each_job_sees_the_settings_as_they_are_when_it_begins(app: Flask) -> None:
    seen: list[int] = []
    jobs.handler("test.work")(lambda: seen.append(settings.get(settings.CARD_NOTICE_DAYS)))
    rows = [staged(), staged()]
    execution.run(rows[0].id)
    with db.engine.begin() as elsewhere:  # another process
        elsewhere.execute(insert(Setting).values(key=settings.CARD_NOTICE_DAYS.key, value=17))
    execution.run(rows[1].id)
    assert seen == [settings.CARD_NOTICE_DAYS.default, 17]


def test_a_job_that_fails_too_often_has_failed(app: Flask) -> None:
    @jobs.handler("test.work", tries=2, backoff=[timedelta(seconds=1)])
    def work() -> None:
        raise ValueError

    row = staged()
    jobs.run_due()
    with time_machine.travel(clock.now() + timedelta(seconds=2)):
        jobs.run_due()
    with time_machine.travel(clock.now() + timedelta(days=2)):
        assert jobs.run_due() == 0
    assert job(row.id).failed_at is not None


def test_what_a_failing_handler_wrote_is_rolled_back(app: Flask) -> None:
    @jobs.handler("test.work")
    def work() -> None:
        db.session.add(StagedJob(kind="half-done"))
        raise ValueError

    staged()
    jobs.run_due()
    assert db.session.query(StagedJob).filter_by(kind="half-done").count() == 0


def test_a_job_put_off_is_not_counted(app: Flask) -> None:
    @jobs.handler("test.work", tries=1)
    def work() -> None:
        raise jobs.Later(timedelta(seconds=5), "the PDF is not there yet")

    row = staged()
    for seconds in (0, 6, 12, 18):
        with time_machine.travel(row.run_after + timedelta(seconds=seconds)):
            jobs.run_due()
    after = job(row.id)
    assert (after.tries, after.failed_at, after.last_error) == (0, None, "the PDF is not there yet")


def test_an_abandoned_job_is_done_once_its_lease_is_over(app: Flask) -> None:
    calls: list[int] = []

    @jobs.handler("test.work", lease=timedelta(seconds=30))
    def work() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise SystemExit  # as a killed process would, it records nothing

    row = staged()
    with pytest.raises(SystemExit):
        jobs.run_due()
    db.session.rollback()
    assert jobs.run_due() == 0
    with time_machine.travel(clock.now() + timedelta(seconds=31)):
        assert jobs.run_due() == 1
    assert (len(calls), job(row.id).tries) == (2, 2)


def test_whoever_comes_late_does_not_disturb_the_next(app: Flask) -> None:
    """A run outlives its lease and then fails, while another has the job in hand."""

    @jobs.handler("test.work")
    def work() -> None:
        with transaction() as session:
            session.execute(update(StagedJob).values(lease_until=clock.now() + timedelta(hours=1)))
        raise ValueError("too late")

    row = staged()
    jobs.run_due()
    assert (job(row.id).last_error, job(row.id).run_after) == (None, row.run_after)
    assert job(row.id).lease_until is not None


def test_jobs_of_newer_code_are_left_to_it(app: Flask) -> None:
    jobs.handler("test.work", version=1)(lambda: pytest.fail("not for us"))
    with transaction() as session:
        newer = StagedJob(kind="test.work", version=2)
        unknown = StagedJob(kind="test.unheard-of")
        session.add_all([newer, unknown])
    jobs.run_due(raising=True)
    for row in (job(newer.id), job(unknown.id)):
        assert (row.tries, row.failed_at, row.done_at) == (0, None, None)
        assert row.run_after > clock.now()


def slow_work() -> list[int]:
    calls: list[int] = []
    calling = threading.Lock()

    @jobs.handler("test.work")
    def work() -> None:
        with calling:
            calls.append(1)
        time.sleep(0.2)

    return calls


def test_several_workers_do_a_job_once(any_app: Flask) -> None:
    calls = slow_work()
    row = staged()
    assert sorted(together(any_app, lambda: execution.run(row.id))) == [False, False, False, True]
    assert len(calls) == 1


def test_control_without_the_lease_several_workers_do_it_each(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = slow_work()
    row = staged()
    monkeypatch.setattr(execution, "is_due", lambda now: and_(StagedJob.run_after <= now, StagedJob.done_at.is_(None)))
    together(any_app, lambda: execution.run(row.id))
    assert len(calls) > 1


def test_the_same_key_from_several_requests_is_staged_once(any_app: Flask, done: list[int]) -> None:
    def stage() -> int:
        with transaction():
            return jobs.stage("test.note", key="note:7", number=7)

    assert len(set(together(any_app, stage))) == 1
    jobs.run_due()
    assert done == [7]
