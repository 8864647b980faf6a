"""What processors paid out: batches, their lines, what each line is of ours, and what does not fit."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, Scaled, enum
from ..money import Money
from ..states.settlement_exception import EDGES, ExceptionStatus
from .machine import Machine, Recorded
from .method import Gateway
from .payment import Transaction

Rate = Scaled(9)


class BatchState(StrEnum):
    """As the processor has it; it alone moves a payout."""

    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"


class LineKind(StrEnum):
    CHARGE = "charge"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"
    DISPUTE = "dispute"
    REINSTATEMENT = "reinstatement"
    FEE = "fee"
    ADJUSTMENT = "adjustment"


class SettlementBatch(Recorded, Model):
    """One payout. `net` is what reaches the bank, in minor units, below zero where money was drawn from it."""

    __tablename__ = "settlement_batch"
    __table_args__ = (
        UniqueConstraint("gateway_id", "provider_id"),
        Index("ix_settlement_batch_created_on", "created_on", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    provider_id: Mapped[str] = mapped_column(String(100))
    state: Mapped[BatchState] = mapped_column(enum(BatchState))
    currency: Mapped[str] = mapped_column(String(3))
    net: Mapped[int] = mapped_column(BigId)
    created_on: Mapped[date]
    arrives_on: Mapped[date]
    raw_sha256: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime]
    synced_at: Mapped[datetime] = mapped_column(default=clock.now)

    gateway: Mapped[Gateway] = relationship()

    @property
    def money(self) -> Money:
        return Money(self.net, self.currency)


class SettlementLine(Model):
    """One entry of a payout, in minor units of the payout's currency. Append-only; a processor's entry stands in one
    batch at most (invariant 25).

    `presented` is what the customer's currency had, `rate` what turned it into `gross`; `brand` is the card's.
    """

    __tablename__ = "settlement_line"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("gateway_id", "provider_id"),
        CheckConstraint("net = gross - fee", name="adds_up"),
        Index("ix_settlement_line_charge_id", "gateway_id", "charge_id"),
        Index("ix_settlement_line_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("settlement_batch.id"), index=True)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    provider_id: Mapped[str] = mapped_column(String(100))
    kind: Mapped[LineKind] = mapped_column(enum(LineKind))
    source_id: Mapped[str | None] = mapped_column(String(100))
    charge_id: Mapped[str | None] = mapped_column(String(100))
    currency: Mapped[str] = mapped_column(String(3))
    gross: Mapped[int] = mapped_column(BigId)
    fee: Mapped[int] = mapped_column(BigId)
    net: Mapped[int] = mapped_column(BigId)
    presented: Mapped[int | None] = mapped_column(BigId)
    presented_currency: Mapped[str | None] = mapped_column(String(3))
    rate: Mapped[Decimal | None] = mapped_column(Rate)
    description: Mapped[str] = mapped_column(String(300), default="")
    at: Mapped[datetime]

    batch: Mapped[SettlementBatch] = relationship()

    @property
    def asked(self) -> Money:
        """What our transaction must say: in the customer's currency where another one was charged."""
        if self.presented is None or self.presented_currency is None:
            return Money(self.gross, self.currency)
        return Money(self.presented, self.presented_currency)


class SettlementMatch(Model):
    """Which transaction a line settles. Append-only, once a line."""

    __tablename__ = "settlement_match"
    __append_only__ = True

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("settlement_line.id"), unique=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transaction.id"), index=True)
    at: Mapped[datetime] = mapped_column(default=clock.now)

    line: Mapped[SettlementLine] = relationship()
    transaction: Mapped[Transaction] = relationship()


class ExceptionKind(StrEnum):
    """UNMATCHED: a line about no transaction of ours. DIFFERING: the transaction says another amount. MISSING: a
    transaction that should have been paid out by now. SUM: the lines do not come to what was paid out."""

    UNMATCHED = "unmatched"
    DIFFERING = "differing"
    MISSING = "missing"
    SUM = "sum"


class SettlementException(Machine, Model):
    """Once per kind and line, transaction or batch. `facts`: what was expected and what was found, in minor units."""

    __tablename__ = "settlement_exception"
    __table_args__ = (
        UniqueConstraint("kind", "subject_kind", "subject_id"),
        Index("ix_settlement_exception_status", "status", "id"),
    )
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[ExceptionKind] = mapped_column(enum(ExceptionKind))
    status: Mapped[ExceptionStatus] = mapped_column(enum(ExceptionStatus), default=ExceptionStatus.OPEN)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int] = mapped_column(BigId)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("settlement_batch.id"), index=True)
    reference: Mapped[str] = mapped_column(String(100))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    batch: Mapped[SettlementBatch | None] = relationship()


class SettlementSync(Model):
    """How far a gateway's payouts are known, and how the last look went."""

    __tablename__ = "settlement_sync"

    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"), primary_key=True, autoincrement=False)
    known_until: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(500))
    batches: Mapped[int] = mapped_column(default=0)
    lines: Mapped[int] = mapped_column(default=0)

    gateway: Mapped[Gateway] = relationship()
