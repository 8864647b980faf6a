"""Processor events: what came, as it came, and apart from it what we have done about it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from ..states.notice import EDGES, NoticeStatus
from .machine import Machine
from .method import Gateway


class ProcessorEvent(Model):
    """Append-only. `sha256` is over the body as it came; `payload` is that body without secrets and card numbers.

    `metadata` of the subject lies in `details`: it names our record before our own commit knows the processor's id.
    """

    __tablename__ = "processor_event"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("gateway_id", "event_id"),
        Index("ix_processor_event_subject_id", "gateway_id", "subject_id"),
        Index("ix_processor_event_received_at", "received_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    event_id: Mapped[str] = mapped_column(String(120))
    type: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[str | None] = mapped_column(String(100))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    mode: Mapped[str] = mapped_column(String(10))
    account: Mapped[str | None] = mapped_column(String(100))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))
    happened_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(default=clock.now)

    gateway: Mapped[Gateway] = relationship()


class NoticeWork(Machine, Model):
    """What became of an event. `error` is the last one, for people."""

    __tablename__ = "notice_work"
    __table_args__ = (Index("ix_notice_work_status", "status", "id"),)
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("processor_event.id"), unique=True)
    status: Mapped[NoticeStatus] = mapped_column(enum(NoticeStatus), default=NoticeStatus.RECEIVED)
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(String(500))
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    event: Mapped[ProcessorEvent] = relationship()


class RefusedNotices(Model):
    """How many posts to a webhook address were turned away on a day, and why; nothing of them is kept."""

    __tablename__ = "refused_notices"

    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
