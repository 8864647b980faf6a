"""Figures for the operator's graphs, from the database: every web process answers alike."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from .. import clock
from ..db import db
from ..models import Attempt, OrderEmail, PostProcessing, StagedJob
from ..states.attempt import OPEN
from ..states.mail import MailStatus


class House(Collector):
    """What waits, how long already, and what has failed."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from _jobs()
        yield from _mails()
        yield from _money()


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"countersign_{name}", words, value=value)


def _jobs() -> Iterator[GaugeMetricFamily]:
    now = clock.now()
    waiting = StagedJob.done_at.is_(None) & StagedJob.failed_at.is_(None) & (StagedJob.run_after <= now)
    count, oldest = db.session.execute(select(func.count(), func.min(StagedJob.run_after)).where(waiting)).one()
    failed = db.session.scalar(select(func.count()).select_from(StagedJob).where(StagedJob.failed_at.is_not(None)))
    yield _gauge("jobs_due", "Staged jobs that are due and not done", count)
    yield _gauge(
        "jobs_due_age_seconds", "How long the oldest of them is due", (now - oldest).total_seconds() if oldest else 0
    )
    yield _gauge("jobs_failed", "Staged jobs that were given up", failed or 0)


def _mails() -> Iterator[GaugeMetricFamily]:
    family = GaugeMetricFamily("countersign_mails", "Order mails by status", labels=["status"])
    query = select(OrderEmail.status, func.count().label("number")).group_by(OrderEmail.status)
    by_status = {row.status: row.number for row in db.session.execute(query)}
    for status in MailStatus:
        family.add_metric([status.value], by_status.get(status, 0))
    yield family


def _money() -> Iterator[GaugeMetricFamily]:
    family = GaugeMetricFamily("countersign_attempts_open", "Charges without an outcome", labels=["status"])
    query = (
        select(Attempt.status, func.count().label("number")).where(Attempt.status.in_(OPEN)).group_by(Attempt.status)
    )
    by_status = {row.status: row.number for row in db.session.execute(query)}
    for status in sorted(OPEN):
        family.add_metric([status.value], by_status.get(status, 0))
    yield family
    unfinished = select(func.count()).select_from(PostProcessing).where(PostProcessing.done_at.is_(None))
    yield _gauge("captures_unfinished", "Captured payments with a step still to do", db.session.scalar(unfinished) or 0)
