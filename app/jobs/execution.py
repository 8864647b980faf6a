"""Doing a staged job: claimed with a lease, run outside any transaction, then done, put off, retried or failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

from flask import g
from sqlalchemy import ColumnElement, and_, or_, select, update

from .. import clock
from ..db import db, end_read, transaction
from ..failpoints import failpoint
from ..logs import log
from ..models.job import StagedJob
from ..values import Value
from . import registry
from .registry import Handler, Later

# A job that this code does not know was staged by newer code: its worker will take it.
LEFT_FOR_NEWER = timedelta(seconds=15)

Limit = Callable[[float], AbstractContextManager[Any]]


class Claim(Value):
    """A job in hand. `until` is also the fence: whoever claims it after us has another."""

    id: int
    args: dict[str, Any]
    tries: int
    until: datetime
    handler: Handler


def is_due(now: datetime) -> ColumnElement[bool]:
    """Jobs that want doing and that nobody is at."""
    return and_(
        StagedJob.done_at.is_(None),
        StagedJob.failed_at.is_(None),
        StagedJob.run_after <= now,
        or_(StagedJob.lease_until.is_(None), StagedJob.lease_until < now),
    )


def run_due(*, seconds: float | None = None, raising: bool = False, limit: Limit | None = None) -> int:
    """Do everything that is due, oldest first, for at most `seconds`; returns how many were taken up.

    `raising` lets a handler's exception through (tests), after it has been recorded.
    """
    ends = None if seconds is None else time.monotonic() + seconds
    count = 0
    while ends is None or time.monotonic() < ends:
        due = select(StagedJob.id).where(is_due(clock.now())).order_by(StagedJob.run_after, StagedJob.id).limit(1)
        job_id = db.session.scalar(due)
        end_read()
        if job_id is None:
            break
        count += run(job_id, raising=raising, limit=limit)
    return count


def run(job_id: int, *, raising: bool = False, limit: Limit | None = None) -> int:
    """Do one job if it is due and nobody is at it, and others like it where its handler takes many at once; how many
    were taken up."""
    claims = _claim(job_id)
    if not claims:
        return 0
    _do(claims, raising, limit or _unlimited)
    return len(claims)


def _do(claims: Sequence[Claim], raising: bool, limit: Limit) -> None:
    """What breaks together is done one by one: a defect that one of them brings about holds up no other."""
    handler = claims[0].handler
    _look_anew()
    try:
        with limit(handler.lease.total_seconds()):
            outcomes = handler.do([claim.args for claim in claims])
        end_read()
    except Later as later:
        db.session.rollback()
        outcomes = [later] * len(claims)
    except Exception as error:
        db.session.rollback()
        if len(claims) > 1 and clock.now() < claims[0].until:
            log.warning("jobs.one_by_one", kind=handler.kind, count=len(claims), exc_info=error)
            for claim in claims:
                if clock.now() < claim.until:  # whoever comes after that does the rest
                    _do([claim], raising, limit)
            return
        for claim in claims:
            _failed(claim, error)
        if raising:
            raise
        return
    _settle(claims, outcomes)


def _look_anew() -> None:
    """A job sees the settings as they are when it begins, as a request does; a worker's round may last a while."""
    for name in list(g):
        g.pop(name)


def _settle(claims: Sequence[Claim], outcomes: Sequence[Later | None]) -> None:
    done = []
    for claim, outcome in zip(claims, outcomes, strict=True):
        if outcome is None:
            done.append(claim.id)
        else:
            _put_off(claim, outcome)
    if done:
        failpoint("job.handed_over")
        _finish(done, done_at=clock.now(), last_error=None)


def _unlimited(seconds: float) -> AbstractContextManager[Any]:
    return nullcontext()


def _claim(job_id: int) -> list[Claim]:
    """The job and, where its handler takes many, others of its kind that are due; empty if somebody else is at it."""
    now = clock.now()
    row = db.session.execute(
        select(StagedJob.kind, StagedJob.version).where(StagedJob.id == job_id, is_due(now))
    ).first()
    end_read()
    if row is None:
        return []
    handler = registry.find(row.kind)
    if handler is None or row.version > handler.version:
        log.warning("jobs.left_for_newer_code", kind=row.kind, version=row.version)
        _finish([job_id], run_after=now + LEFT_FOR_NEWER)
        return []
    until = now + handler.lease
    with transaction() as session:
        wanted = _like_it(handler, job_id, now) if handler.most > 1 else [job_id]
        won = session.execute(_taken(wanted, now, until)).all()
    return [Claim(r.id, r.args, r.tries, until, handler) for r in sorted(won, key=lambda r: wanted.index(r.id))]


def _taken(job_ids: Sequence[int], now: datetime, until: datetime) -> Any:
    return (
        update(StagedJob)
        .where(StagedJob.id.in_(job_ids), is_due(now))
        .values(lease_until=until, tries=StagedJob.tries + 1)
        .returning(StagedJob.id, StagedJob.args, StagedJob.tries)
        .execution_options(synchronize_session=False)
    )


def _like_it(handler: Handler, job_id: int, now: datetime) -> list[int]:
    """The job and others, the job first; none where somebody else is at it. All of them are held, and what others hold
    is passed over, so that two who take many at once never wait for each other."""

    def held(*which: ColumnElement[bool], most: int) -> Sequence[int]:
        due = select(StagedJob.id).where(*which, is_due(now)).order_by(StagedJob.run_after, StagedJob.id)
        return db.session.scalars(due.limit(most).with_for_update(skip_locked=True)).all()

    mine = held(StagedJob.id == job_id, most=1)
    like_it = and_(StagedJob.kind == handler.kind, StagedJob.version <= handler.version, StagedJob.id != job_id)
    return [*mine, *held(like_it, most=handler.most - 1)] if mine else []


def _finish(job_ids: Sequence[int], *only_if: ColumnElement[bool], **values: Any) -> None:
    statement = update(StagedJob).where(StagedJob.id.in_(job_ids), StagedJob.done_at.is_(None), *only_if)
    with transaction() as session:
        session.execute(statement.values(lease_until=None, **values).execution_options(synchronize_session=False))


def _put_off(claim: Claim, later: Later) -> None:
    after = clock.now() + max(later.after, timedelta(seconds=1))
    ours = StagedJob.lease_until == claim.until
    _finish([claim.id], ours, run_after=after, tries=claim.tries - 1, last_error=later.because[:500])


def _failed(claim: Claim, error: Exception) -> None:
    """Retry later, or give up after its number of tries. Leaves a job alone that another has since claimed."""
    over = claim.tries >= claim.handler.tries
    log.error("jobs.failed" if over else "jobs.will_retry", kind=claim.handler.kind, tries=claim.tries, exc_info=error)
    now = clock.now()
    values: dict[str, Any] = {"failed_at": now} if over else {"run_after": now + claim.handler.wait(claim.tries)}
    ours = StagedJob.lease_until == claim.until
    _finish([claim.id], ours, last_error=f"{type(error).__name__}: {error}"[:500], **values)
