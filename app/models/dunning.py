"""Dunning: policies and their versions, the case of a declined period with its steps, notices of expiring cards."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from ..states import dunning as dunning_states
from ..states.declines import DeclineClass
from ..states.dunning import Action, CaseStatus, Plan
from .agreement import PaymentAgreement, ScheduledPayment
from .machine import Machine


class DunningPolicy(Model):
    """What is done about declines, by name. Agreements that name no policy run under the `standard` one; `version` is
    that of its newest DunningPolicyVersion."""

    __tablename__ = "dunning_policy"
    __table_args__ = (
        Index(
            "uq_dunning_policy_standard",
            "standard",
            unique=True,
            sqlite_where=text("standard"),
            postgresql_where=text("standard"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    standard: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class DunningPolicyVersion(Model):
    """What a policy said from a moment on. A story ends under the version it began under. Append-only."""

    __tablename__ = "dunning_policy_version"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("policy_id", "version"),
        CheckConstraint("version > 0", name="version_counted_from_one"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    policy_id: Mapped[int] = mapped_column(ForeignKey("dunning_policy.id"))
    version: Mapped[int]
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    made_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    policy: Mapped[DunningPolicy] = relationship()

    @property
    def plan(self) -> Plan:
        return Plan.from_dict(self.content)


class DunningCase(Machine, Model):
    """The story of a period whose charge was declined; at most one of them is open.

    `kind` and `reason` (staff's words) are those of the latest decline, which `policy_version_id` is followed for.
    """

    __tablename__ = "dunning_case"
    __table_args__ = (
        CheckConstraint("(status = 'open') = (ended_at IS NULL)", name="ended_when_over"),
        Index(
            "uq_dunning_case_open",
            "scheduled_payment_id",
            unique=True,
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
        Index("ix_dunning_case_status_id", "status", "id"),
        Index("ix_dunning_case_ended_at", "ended_at"),
    )
    EDGES: ClassVar = dunning_states.EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    agreement_id: Mapped[int] = mapped_column(ForeignKey("payment_agreement.id"), index=True)
    scheduled_payment_id: Mapped[int] = mapped_column(ForeignKey("scheduled_payment.id"))
    policy_version_id: Mapped[int] = mapped_column(ForeignKey("dunning_policy_version.id"))
    status: Mapped[CaseStatus] = mapped_column(enum(CaseStatus), default=CaseStatus.OPEN)
    kind: Mapped[DeclineClass] = mapped_column(enum(DeclineClass))
    reason: Mapped[str] = mapped_column(String(500))
    opened_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]

    agreement: Mapped[PaymentAgreement] = relationship()
    payment: Mapped[ScheduledPayment] = relationship()
    policy_version: Mapped[DunningPolicyVersion] = relationship()
    steps: Mapped[list[DunningStep]] = relationship(order_by="DunningStep.position", back_populates="case")

    @property
    def history_order_id(self) -> int | None:
        return self.agreement.order_id


_WAITS = text("done_at IS NULL AND dropped_at IS NULL")


class DunningStep(Model):
    """One thing that is to be done, was done, or was dropped before it came to that.

    `asked_by` is whoever had it done out of turn, empty where the policy has. `attempt_id`: the charge that a retry
    made. `told_at`: when its mails were written ahead. `note` says why it waits beyond its time, or why it was dropped.
    `held_until`: whoever took it has it to themselves until then.
    """

    __tablename__ = "dunning_step"
    __table_args__ = (
        UniqueConstraint("case_id", "position"),
        UniqueConstraint("attempt_id"),
        CheckConstraint("done_at IS NULL OR dropped_at IS NULL", name="done_or_dropped"),
        CheckConstraint("attempt_id IS NULL OR action = 'retry'", name="retries_charge"),
        Index("ix_dunning_step_due", "due_at", "id", sqlite_where=_WAITS, postgresql_where=_WAITS),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("dunning_case.id"))
    position: Mapped[int]
    action: Mapped[Action] = mapped_column(enum(Action))
    due_at: Mapped[datetime]
    tell_customer: Mapped[bool] = mapped_column(default=False)
    tell_owner: Mapped[bool] = mapped_column(default=False)
    asked_by: Mapped[str] = mapped_column(String(200), default="")
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("attempt.id"))
    note: Mapped[str] = mapped_column(String(500), default="")
    told_at: Mapped[datetime | None]
    held_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    case: Mapped[DunningCase] = relationship(back_populates="steps")

    @property
    def waits(self) -> bool:
        return self.done_at is None and self.dropped_at is None


class CardNotice(Model):
    """The customer was told that a card expires before its next charge; once for each card and expiry."""

    __tablename__ = "card_notice"
    __table_args__ = (UniqueConstraint("method_id", "exp_year", "exp_month"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    method_id: Mapped[int] = mapped_column(ForeignKey("payment_method.id"))
    exp_year: Mapped[int]
    exp_month: Mapped[int]
    agreement_id: Mapped[int] = mapped_column(ForeignKey("payment_agreement.id"), index=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("method_request.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
