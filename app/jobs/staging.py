"""Staging: the job is a row in the transaction of its cause, and a nudge after the commit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from .. import clock
from ..db import after_commit, db, insert_key, notes
from ..failpoints import failpoint
from ..models.job import StagedJob
from . import queue, registry


def stage(kind: str, *, key: str | None = None, run_after: datetime | None = None, **args: Any) -> int:
    """Have `kind` done with `args` (ids and plain JSON values) once the open transaction has committed; returns the
    job's id. A `key` (at most 100 characters) is staged once, ever: the second caller gets the first one's job.
    """
    version = found.version if (found := registry.find(kind)) else 1
    due = run_after or clock.now()
    row = insert_key(StagedJob, kind=kind, version=version, args=args, key=key, run_after=due)
    job_id: int = row[0] if row else db.session.scalars(select(StagedJob.id).where(StagedJob.key == key)).one()
    staged: list[tuple[int, datetime]] = notes().setdefault("staged", [])
    if not staged:
        after_commit(lambda: _hand_over(staged))
    staged.append((job_id, due))
    return job_id


def _hand_over(staged: list[tuple[int, datetime]]) -> None:
    failpoint("job.staged")
    now = clock.now()
    if due := [job_id for job_id, at in staged if at <= now]:
        queue.nudge(due)
