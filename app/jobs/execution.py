"""Doing a staged job: claimed with a lease, run outside any transaction, then done, put off, retried or failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update

from .. import clock
from ..db import db, end_read, transaction
from ..failpoints import failpoint
from ..logs import log
from ..models.job import StagedJob
from . import registry
from .registry import Handler, Later

# A job that this code does not know was staged by newer code: its worker will take it.
LEFT_FOR_NEWER = timedelta(seconds=15)

Limit = Callable[[float], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Claim:
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


def run(job_id: int, *, raising: bool = False, limit: Limit | None = None) -> bool:
    """Do one job if it is due and nobody is at it. False if there was nothing to do."""
    claim = _claim(job_id)
    if claim is None:
        return False
    try:
        with (limit or _unlimited)(claim.handler.lease.total_seconds()):
            claim.handler.call(**claim.args)
        end_read()
    except Later as later:
        db.session.rollback()
        _put_off(claim, later)
    except Exception as error:
        db.session.rollback()
        _failed(claim, error)
        if raising:
            raise
    else:
        failpoint("job.handed_over")
        _finish(claim.id, done_at=clock.now(), last_error=None)
    return True


def _unlimited(seconds: float) -> AbstractContextManager[Any]:
    return nullcontext()


def _claim(job_id: int) -> Claim | None:
    now = clock.now()
    row = db.session.execute(
        select(StagedJob.kind, StagedJob.version).where(StagedJob.id == job_id, is_due(now))
    ).first()
    end_read()
    if row is None:
        return None
    handler = registry.find(row.kind)
    if handler is None or row.version > handler.version:
        log.warning("jobs.left_for_newer_code", kind=row.kind, version=row.version)
        _finish(job_id, run_after=now + LEFT_FOR_NEWER)
        return None
    until = now + handler.lease
    taken = (
        update(StagedJob)
        .where(StagedJob.id == job_id, is_due(now))
        .values(lease_until=until, tries=StagedJob.tries + 1)
        .returning(StagedJob.args, StagedJob.tries)
        .execution_options(synchronize_session=False)
    )
    with transaction() as session:
        won = session.execute(taken).first()
    return Claim(job_id, won.args, won.tries, until, handler) if won else None


def _finish(job_id: int, *only_if: ColumnElement[bool], **values: Any) -> None:
    statement = update(StagedJob).where(StagedJob.id == job_id, StagedJob.done_at.is_(None), *only_if)
    with transaction() as session:
        session.execute(statement.values(lease_until=None, **values).execution_options(synchronize_session=False))


def _put_off(claim: Claim, later: Later) -> None:
    after = clock.now() + max(later.after, timedelta(seconds=1))
    ours = StagedJob.lease_until == claim.until
    _finish(claim.id, ours, run_after=after, tries=claim.tries - 1, last_error=later.because[:500])


def _failed(claim: Claim, error: Exception) -> None:
    """Retry later, or give up after its number of tries. Leaves a job alone that another has since claimed."""
    over = claim.tries >= claim.handler.tries
    log.error("jobs.failed" if over else "jobs.will_retry", kind=claim.handler.kind, tries=claim.tries, exc_info=error)
    now = clock.now()
    values: dict[str, Any] = {"failed_at": now} if over else {"run_after": now + claim.handler.wait(claim.tries)}
    ours = StagedJob.lease_until == claim.until
    _finish(claim.id, ours, last_error=f"{type(error).__name__}: {error}"[:500], **values)
