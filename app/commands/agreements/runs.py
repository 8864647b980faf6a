"""The recurring run of the day: opened by what is taken, stopped and resumed by people, told in history and audit.

A stop holds until somebody resumes, over midnight too. Whoever takes payments holds the newest run against a stop until
it has committed; so a run ends with the batch in flight.
"""

from __future__ import annotations

from sqlalchemy import select

from ... import access, audit, clock, jobs
from ...access import Permission
from ...db import db, insert_new, lock, transaction
from ...errors import NotFound, Refusal
from ...models import SYSTEM, Actor, Company, RecurringRun, User
from ...states.recurring_run import RunEvent, RunStatus

NEWEST = select(RecurringRun).order_by(RecurringRun.id.desc()).limit(1)


def newest(*, held: bool = False) -> RecurringRun | None:
    """`held`: nobody moves it until the transaction ends."""
    query = NEWEST.with_for_update(read=True) if held else NEWEST
    return db.session.scalars(query.execution_options(populate_existing=True)).first()


def is_stopped() -> bool:
    """One that is done is held alone at once: two who share it could not both go on with it."""
    seen = newest()
    found = lock(RecurringRun, seen.id) if seen is not None and seen.status is RunStatus.DONE else newest(held=True)
    return found is not None and found.status is RunStatus.STOPPED


def of_today() -> RecurringRun:
    """The run that takes what is due now. Inside a transaction in which none is stopped."""
    today = clock.today(db.session.get_one(Company, 1).time_zone)
    row = newest()
    if row is None or row.day < today:
        made = insert_new(RecurringRun, day=today, status=RunStatus.RUNNING, started_at=clock.now())
        row = made or db.session.scalars(select(RecurringRun).where(RecurringRun.day == today)).one()
        if made is not None:
            row.record("started", by=SYSTEM, day=today.isoformat())
    if row.status is RunStatus.DONE:
        row = lock(RecurringRun, row.id)
        if row.can(RunEvent.GO_ON):
            row.ended_at = None
            row.transition(RunEvent.GO_ON, by=SYSTEM)
    return row


def finish() -> None:
    """Nothing more is due: not of today's run, nor of one that midnight came over."""
    running = select(RecurringRun.id).where(RecurringRun.status == RunStatus.RUNNING).order_by(RecurringRun.id)
    with transaction() as session:
        for run_id in session.scalars(running).all():
            row = lock(RecurringRun, run_id)
            if row.can(RunEvent.FINISH):
                row.ended_at = clock.now()
                row.transition(RunEvent.FINISH, by=SYSTEM)


def stop(run_id: int, *, by: User) -> None:
    """Nothing more is taken once this has committed; what was taken already is charged to its end. Raises Refusal
    `run_over`, `run_stopped`."""
    with transaction():
        row = _newest(run_id, by)
        if row.status is RunStatus.STOPPED:
            raise Refusal("run_stopped", "The run is stopped already.")
        row.ended_at = clock.now()
        _move(row, RunEvent.STOP, by)


def resume(run_id: int, *, by: User) -> None:
    """What is due is taken again, at once. Raises Refusal `run_over`, `run_not_stopped`."""
    with transaction():
        row = _newest(run_id, by)
        if row.status is not RunStatus.STOPPED:
            raise Refusal("run_not_stopped", "The run is not stopped; there is nothing to resume.")
        row.ended_at = None
        _move(row, RunEvent.RESUME, by)
        jobs.stage("agreements.charge_due")


def _newest(run_id: int, by: User) -> RecurringRun:
    access.demand(by, Permission.RUN_OPERATE)
    row, last = lock(RecurringRun, run_id), newest()
    if last is None:
        raise NotFound(f"RecurringRun {run_id}")
    if row.id != last.id:
        raise Refusal("run_over", "This run is over; only the newest one can be stopped or resumed.")
    return row


def _move(row: RecurringRun, event: RunEvent, by: User) -> None:
    before, actor = row.status, Actor.of(by)
    row.transition(event, by=actor)
    audit.note(f"recurring_run.{event}", row.day.isoformat(), by=actor, before=before.value, after=row.status.value)
