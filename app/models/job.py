"""Work to be done after the fact that caused it: staged rows, clock ticks, and keys that make forms safe to repeat."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..db import BigId, Model


class StagedJob(Model):
    """The truth about a piece of work; Redis only carries the nudge. `args` are ids and plain values.

    `lease_until` says until when somebody is at it, `version` which shape of `args` the stager knew.
    """

    __tablename__ = "staged_job"
    __table_args__ = (
        Index(
            "ix_staged_job_due",
            "run_after",
            sqlite_where=text("done_at IS NULL AND failed_at IS NULL"),
            postgresql_where=text("done_at IS NULL AND failed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(60))
    version: Mapped[int] = mapped_column(default=1)
    args: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    key: Mapped[str | None] = mapped_column(String(100), unique=True)
    run_after: Mapped[datetime] = mapped_column(default=clock.now)
    lease_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    done_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]


class Tick(Model):
    """A firing of the clock; claiming the row is firing it, so any number of schedulers fire once."""

    __tablename__ = "tick"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(primary_key=True)
    claimed_at: Mapped[datetime] = mapped_column(default=clock.now)


class FormKey(Model):
    """A form minted once and answered once: the same key and content get the same answer (invariant 11)."""

    __tablename__ = "form_key"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    at: Mapped[datetime] = mapped_column(default=clock.now)
