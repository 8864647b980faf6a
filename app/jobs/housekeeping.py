"""What the job machinery does for itself: finding forgotten work, and sweeping out old rows."""

from __future__ import annotations

from datetime import timedelta

from redis import RedisError
from sqlalchemy import delete, select

from .. import clock
from ..db import db, end_read, transaction
from ..models.job import StagedJob, Tick
from . import queue
from .execution import is_due, run_due
from .registry import tick

# Younger jobs have just been handed over; a worker is on its way.
GRACE = timedelta(seconds=3)
# Each nudge makes its worker do whatever else is due, so a few are enough for any backlog.
NUDGES = 20

KEEP_JOBS = timedelta(days=30)
KEEP_TICKS = timedelta(days=1)


@tick("jobs.sweep", every=timedelta(seconds=5), inline=True)
def sweep() -> None:
    """Nudge the workers about due jobs that nobody is at: never handed over, lost with Redis, or left by the dead."""
    if queue.connect() is None:
        run_due(seconds=5)
        return
    overdue = select(StagedJob.id).where(is_due(clock.now() - GRACE)).order_by(StagedJob.run_after).limit(NUDGES)
    job_ids = db.session.scalars(overdue).all()
    end_read()
    if not job_ids:
        return
    try:
        missing = NUDGES - queue.waiting()
    except (RedisError, OSError):
        return
    queue.nudge(job_ids[: max(missing, 0)])


@tick("jobs.prune", every=timedelta(hours=1))
def prune() -> None:
    """Delete finished jobs and fired ticks once nobody will ask for them. Failed jobs stay."""
    now = clock.now()
    with transaction() as session:
        session.execute(delete(StagedJob).where(StagedJob.done_at < now - KEEP_JOBS))
        session.execute(delete(Tick).where(Tick.due_at < now - KEEP_TICKS))
