"""Evidence packs: everything that speaks for a payment, in one file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship

from .. import clock
from ..db import BigId, Model
from .order import SalesOrder


class EvidencePack(Model):
    """One ZIP of what was known when it was asked for. `listing` names each file with its SHA-256, as the index in it
    does."""

    __tablename__ = "evidence_pack"
    __table_args__ = (Index("ix_evidence_pack_subject", "order_id", "payment_order_id", "dispute_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"), index=True)
    payment_order_id: Mapped[int | None] = mapped_column(ForeignKey("payment_order.id"))
    dispute_id: Mapped[int | None] = mapped_column(ForeignKey("dispute.id"))
    filename: Mapped[str] = mapped_column(String(120))
    asked_by: Mapped[str] = mapped_column(String(200))
    listing: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    body: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    size: Mapped[int | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    built_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    order: Mapped[SalesOrder] = relationship()
