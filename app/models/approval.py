"""Customer approval: the frozen snapshot, its submission to the customer, and the signature under it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from ..states.approval import EDGES, ApprovalStatus
from .account import Contact
from .machine import Machine
from .order import SalesOrder


class Snapshot(Model):
    """What the customer is shown and signs: canonical JSON and its SHA-256 (hex). Append-only."""

    __tablename__ = "snapshot"
    __append_only__ = True

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"), index=True)
    edition: Mapped[int]
    content: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class Approval(Machine, Model):
    """One submission. Its link is a signature over `public_id` and `generation`; nothing of it is stored.

    `asks_payment` is what the order asks for; whether payment is taken also hangs on the switch, read when asked.
    """

    __tablename__ = "approval"
    __table_args__ = (
        Index(
            "uq_approval_live",
            "order_id",
            unique=True,
            sqlite_where=text("status IN ('pending', 'signed') AND closed_at IS NULL"),
            postgresql_where=text("status IN ('pending', 'signed') AND closed_at IS NULL"),
        ),
    )
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    generation: Mapped[int] = mapped_column(default=1)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"), index=True)
    snapshot_id: Mapped[int] = mapped_column(ForeignKey("snapshot.id"))
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"))
    status: Mapped[ApprovalStatus] = mapped_column(enum(ApprovalStatus), default=ApprovalStatus.PENDING)
    sent_to: Mapped[str] = mapped_column(String(254))
    asks_payment: Mapped[bool]
    by_salesperson: Mapped[bool]
    submitted_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    payment_order_id: Mapped[int | None] = mapped_column(ForeignKey("payment_order.id"))
    message: Mapped[str] = mapped_column(default="")
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    sent_at: Mapped[datetime | None]
    viewed_at: Mapped[datetime | None]
    signed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    order: Mapped[SalesOrder] = relationship()
    snapshot: Mapped[Snapshot] = relationship()
    contact: Mapped[Contact] = relationship()


class Signature(Model):
    """Who signed which snapshot, how, when and from where. Append-only."""

    __tablename__ = "signature"
    __append_only__ = True
    __table_args__ = (UniqueConstraint("approval_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    approval_id: Mapped[int] = mapped_column(ForeignKey("approval.id"))
    snapshot_sha256: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(254))
    typed: Mapped[str | None] = mapped_column(String(200))
    drawn_png: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    consent_text: Mapped[str]
    terms_version: Mapped[int | None]
    ip: Mapped[str] = mapped_column(String(60))
    user_agent: Mapped[str] = mapped_column(String(400))
    sent_at: Mapped[datetime | None]
    viewed_at: Mapped[datetime | None]
    signed_at: Mapped[datetime]
