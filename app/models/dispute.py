"""Payments that their cardholders contest, and the money that followed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from ..money import Money
from ..states.dispute import EDGES, OPEN, DisputeStatus
from .machine import Machine
from .payment import PaymentOrder, Transaction

_NAMED = text("provider_id IS NOT NULL")
_OPEN = text("status IN ('needs_response', 'under_review')")


class Dispute(Machine, Model):
    """`transaction_id` is the capture that is contested; `inquiry`: the bank only asks, and no money has moved.

    `provider_id` is null where it was recorded by hand from a letter. `evidence` is what was written to the bank,
    by field; `answered_with` names what went with it.
    """

    __tablename__ = "dispute"
    __lock_rank__ = 6
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        Index(
            "uq_dispute_provider",
            "gateway_id",
            "provider_id",
            unique=True,
            sqlite_where=_NAMED,
            postgresql_where=_NAMED,
        ),
        Index("ix_dispute_due", "due_by", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_dispute_status", "status", "id"),
    )
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    status: Mapped[DisputeStatus] = mapped_column(enum(DisputeStatus), default=DisputeStatus.NEEDS_RESPONSE)
    payment_order_id: Mapped[int] = mapped_column(ForeignKey("payment_order.id"), index=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transaction.id"), index=True)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    provider_id: Mapped[str | None] = mapped_column(String(100))
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(100))
    inquiry: Mapped[bool] = mapped_column(default=False)
    opened_at: Mapped[datetime]
    due_by: Mapped[datetime | None]
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    answered_with: Mapped[list[str]] = mapped_column(JSON, default=list)
    answered_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    recorded_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    payment_order: Mapped[PaymentOrder] = relationship()
    transaction: Mapped[Transaction] = relationship()
    entries: Mapped[list[DisputeEntry]] = relationship(order_by="DisputeEntry.id")

    @property
    def history_order_id(self) -> int | None:
        return self.payment_order.order_id

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class DisputeEntryKind(StrEnum):
    """Taken at opening, the processor's fee, either given back when won. A fee is no money of the customer's."""

    DEBIT = "debit"
    FEE = "fee"
    REINSTATEMENT = "reinstatement"
    FEE_RETURNED = "fee_returned"


# The cardholder's money, in the currency of the dispute. A fee is in that of the gateway's settlement.
PRINCIPAL = (DisputeEntryKind.DEBIT, DisputeEntryKind.REINSTATEMENT)


class DisputeEntry(Model):
    """Money that moved because of a dispute. Append-only; its kind says which way it went."""

    __tablename__ = "dispute_entry"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("gateway_id", "provider_id", "kind"),
        CheckConstraint("amount > 0", name="amount_positive"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    dispute_id: Mapped[int] = mapped_column(ForeignKey("dispute.id"), index=True)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    kind: Mapped[DisputeEntryKind] = mapped_column(enum(DisputeEntryKind))
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    provider_id: Mapped[str] = mapped_column(String(100))
    raw_sha256: Mapped[str] = mapped_column(String(64), default="")
    at: Mapped[datetime] = mapped_column(default=clock.now)
