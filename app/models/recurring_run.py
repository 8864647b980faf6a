"""The recurring run of a day."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..db import BigId, Model, enum
from ..states import recurring_run as states
from ..states.recurring_run import RunStatus
from .machine import Machine


class RecurringRun(Machine, Model):
    """One a day of the company's; `ended_at` is empty while it runs. What became of its payments is read off them."""

    __tablename__ = "recurring_run"
    EDGES: ClassVar = states.EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    day: Mapped[date] = mapped_column(unique=True)
    status: Mapped[RunStatus] = mapped_column(enum(RunStatus), default=RunStatus.RUNNING)
    started_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]
