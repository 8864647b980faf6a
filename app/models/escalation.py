"""Escalations: the symptom, the team that can mend it, and everything it needs to know."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from ..states.escalation import EDGES, EscalationStatus
from .machine import Machine
from .people import User


class Team(StrEnum):
    SALES_OPERATIONS = "sales_operations"
    PAYMENT_OPERATIONS = "payment_operations"
    PAYMENT_ADMIN = "payment_admin"
    FINANCE = "finance"
    ADMIN = "admin"


class Symptom(StrEnum):
    MISSING_CONTEXT = "missing_context"
    LATE_MONEY = "late_money"
    LINK_FAILED = "link_failed"
    RETOKENIZATION = "retokenization"
    ATTEMPT_UNKNOWN = "attempt_unknown"
    QUARANTINED = "quarantined"
    UNMATCHED_EVENT = "unmatched_event"
    SETTLEMENT_EXCEPTION = "settlement_exception"
    DISPUTE_DUE = "dispute_due"
    INVARIANT_BROKEN = "invariant_broken"
    OVERDRAWN = "overdrawn"
    WRONG_RECIPIENT = "wrong_recipient"


class Escalation(Machine, Model):
    """At most one that is not resolved per symptom and subject. `context` is what the system collected when it was
    opened: values, last errors, links' endpoints; never a secret."""

    __tablename__ = "escalation"
    __table_args__ = (
        Index(
            "uq_escalation_unresolved",
            "symptom",
            "subject_kind",
            "subject_id",
            unique=True,
            sqlite_where=text("status <> 'resolved'"),
            postgresql_where=text("status <> 'resolved'"),
        ),
        Index("ix_escalation_team_status", "team", "status", "id"),
    )
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    symptom: Mapped[Symptom] = mapped_column(enum(Symptom))
    team: Mapped[Team] = mapped_column(enum(Team))
    status: Mapped[EscalationStatus] = mapped_column(enum(EscalationStatus), default=EscalationStatus.OPEN)
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int] = mapped_column(BigId)
    subject_label: Mapped[str] = mapped_column(String(100))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"), index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    summary: Mapped[str] = mapped_column(String(500))
    context: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    opened_by: Mapped[str] = mapped_column(String(200))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    due_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    resolved_at: Mapped[datetime | None]

    owner: Mapped[User | None] = relationship()
