"""The clock: fires each tick once per due time, however many clocks run, by claiming the row (name, due time)."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from sqlalchemy import select

from .. import clock
from ..db import db, end_read, insert_once, transaction
from ..logs import log
from ..models.job import StagedJob
from ..models.job import Tick as Firing
from . import registry
from .registry import Tick
from .staging import stage

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


class Clock:
    """One process's clock. `round()` fires what is due; missed times are not made up for: each tick's work catches up
    by itself."""

    def __init__(self) -> None:
        self._seen: dict[str, datetime] = {}
        self._troubled = False

    def run(self, stop: threading.Event) -> None:
        """A round a second until `stop`. Survives the database and Redis going away, and says so once."""
        while not stop.is_set():
            try:
                self.round(clock.now())
                if self._troubled:
                    log.info("clock.recovered")
                self._troubled = False
            except Exception as error:
                self._report(error)
            stop.wait(1)

    def round(self, now: datetime) -> list[str]:
        """Fire every tick whose time has come and that nobody has fired; returns their names."""
        return [tick.name for tick in registry.ticks() if self._fire(tick, now)]

    def _fire(self, tick: Tick, now: datetime) -> bool:
        due_at = now - (now - EPOCH) % tick.every
        if self._seen.get(tick.name) == due_at:
            return False
        with transaction():
            ours = insert_once(Firing, name=tick.name, due_at=due_at)
            if ours and not tick.inline and not _unfinished(tick.name):
                stage(tick.name)
        self._seen[tick.name] = due_at
        if ours and tick.inline:
            tick.call()
            end_read()
        return ours

    def _report(self, error: Exception) -> None:
        db.session.remove()
        if not self._troubled:
            why = str(error).partition("\n")[0][:300]
            log.error("clock.trouble", error=f"{type(error).__name__}: {why}", note="it goes on trying")
        self._troubled = True


def _unfinished(kind: str) -> bool:
    waiting = select(StagedJob.id).where(
        StagedJob.kind == kind, StagedJob.done_at.is_(None), StagedJob.failed_at.is_(None)
    )
    return db.session.scalar(waiting.limit(1)) is not None
