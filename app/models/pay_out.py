"""Unapplied cash that somebody asked to pay back, above the limit that one person may."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from ..money import Money
from ..states.pay_out import EDGES, PayOutStatus
from .invoice import Receipt, ReceiptKind
from .machine import Machine


class PayOut(Machine, Model):
    """`receipt_id` names what the money came with; while it is requested, so much of that is held back. `paid_id`: the
    receipt of the money that left. Amounts in minor units."""

    __tablename__ = "pay_out"
    __table_args__ = (CheckConstraint("amount > 0", name="amount_positive"),)
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    status: Mapped[PayOutStatus] = mapped_column(enum(PayOutStatus), default=PayOutStatus.REQUESTED, index=True)
    receipt_id: Mapped[int] = mapped_column(ForeignKey("receipt.id"), index=True)
    paid_id: Mapped[int | None] = mapped_column(ForeignKey("receipt.id"), unique=True)
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    kind: Mapped[ReceiptKind] = mapped_column(enum(ReceiptKind))
    reference: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(500))
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]

    receipt: Mapped[Receipt] = relationship(foreign_keys=[receipt_id])

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)
