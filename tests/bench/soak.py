"""Endurance of the recurring run: many agreements due at once, two workers, one killed every few seconds. In the
end each period was charged once, by the gateway's own book, and the product's books do not contradict themselves.

`python -m tests.bench.soak BOOK` is one of the workers.
"""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from app import clock, jobs
from app.commands.agreements import charging
from app.commands.payments import inquiries
from app.db import db, end_read
from app.gateways import registry
from app.jobs.execution import is_due
from app.jobs.execution import run as run_job
from app.models import PostProcessing, ScheduledPayment, StagedJob
from app.queries import invariants
from app.states.scheduled_payment import ScheduledStatus
from tests.bench import recurring
from tests.bench.recurring import Till
from tests.engines import ROOT

WORKERS = 2
BATCHES = 5  # between two looks at what a killed process has left
NOT_OURS = ("9:", "25:")  # about the books of a gateway that keeps none with us


@dataclass(frozen=True)
class Ended:
    due: int
    seconds: float
    kills: int
    paid: int
    booked: int
    doubled: int
    broken: list[str]

    @property
    def well(self) -> bool:
        return self.due == self.paid == self.booked and not self.doubled and not self.broken

    def __str__(self) -> str:
        found = (
            f"{self.due} due, {self.kills} kills, {self.seconds:.0f} s ({self.due / self.seconds:.0f} a second): "
            f"{self.paid} paid, {self.booked} charged by the gateway, {self.doubled} twice, {self.due - self.paid} lost"
        )
        return "\n".join([found, *self.broken, "Well." if self.well else "NOT WELL."])


def soak(settings: Mapping[str, str], folder: Path, *, due: int, kill_every: float) -> Ended:
    """Inside an application context on the same database."""
    book = folder / "till.book"
    recurring.seed(due)
    db.session.remove()
    began, kills, turn = time.monotonic(), 0, itertools.cycle(range(WORKERS))
    workers = [_worker(settings, folder, book) for _ in range(WORKERS)]
    try:
        while _left():
            time.sleep(kill_every * random.uniform(0.8, 1.2))  # noqa: S311
            n = next(turn)
            kills += workers[n].poll() is None
            workers[n].kill()
            workers[n].wait()
            workers[n] = _worker(settings, folder, book)
        took = time.monotonic() - began
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return _ended(due, took, kills, book)


def _worker(settings: Mapping[str, str], folder: Path, book: Path) -> subprocess.Popen[bytes]:
    with (folder / "soak.log").open("ab") as log:
        command = [sys.executable, "-m", "tests.bench.soak", str(book)]
        return subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log)


def _left() -> int:
    """Periods that are due and not settled, and what follows from those that are."""
    open_ = (ScheduledStatus.SCHEDULED, ScheduledStatus.COLLECTING)
    due = select(func.count()).where(ScheduledPayment.due_at <= clock.now(), ScheduledPayment.status.in_(open_))
    undone = select(func.count()).where(PostProcessing.done_at.is_(None))
    found = int(db.session.scalar(due) or 0) + int(db.session.scalar(undone) or 0)
    end_read()
    return found


def _ended(due: int, took: float, kills: int, book: Path) -> Ended:
    lines = [line.split() for line in book.read_text().splitlines()]
    charges = Counter(asked for _key, _minor, _currency, asked in lines)
    paid = select(func.count()).where(ScheduledPayment.status == ScheduledStatus.PAID)
    broken = [x for x in invariants.broken(grace=timedelta(0)) if not x.startswith(NOT_OURS)]
    doubled = sum(many - 1 for many in charges.values())
    return Ended(due, took, kills, int(db.session.scalar(paid) or 0), len(charges), doubled, broken)


def work(book: Path) -> None:
    """What the clock's ticks and a worker's jobs do, but for papers and mails, until it is killed."""
    till = Till(0.0, book)
    registry.get = registry.for_account = lambda _of: till  # type: ignore[assignment]
    while True:
        busy = [charging.batch(charging.BATCH) for _ in range(BATCHES)]
        inquiries.sweep()
        if not _follow_up() and not any(busy):
            time.sleep(1)


def _follow_up() -> int:
    """How many jobs were done."""
    mine = select(StagedJob.id).where(StagedJob.kind.startswith("post_processing."), is_due(clock.now()))
    ids = db.session.scalars(mine.order_by(StagedJob.id).limit(20)).all()
    end_read()
    return jobs.each("soak", ids, run_job)


if __name__ == "__main__":
    from wsgi import app

    with app.app_context():
        work(Path(sys.argv[1]))
