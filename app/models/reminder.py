"""Reminders of unpaid invoices: each one that was sent, and the invoices that somebody has stopped them for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..db import BigId, Model

_IN_FORCE = text("ended_at IS NULL")


class InvoiceReminder(Model):
    """`step` is the day of the policy, counted from the one the invoice is due; None where somebody sent it by hand.
    Append-only."""

    __tablename__ = "invoice_reminder"
    __append_only__ = True
    # Each step once an invoice, whatever runs twice.
    __table_args__ = (UniqueConstraint("invoice_id", "step"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"))
    step: Mapped[int | None]
    email_id: Mapped[int] = mapped_column(ForeignKey("order_email.id"))
    sent_by: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(default=clock.now)


class ReminderStop(Model):
    """No reminders go out for the invoice until somebody lets them go on; at most one in force."""

    __tablename__ = "reminder_stop"
    __table_args__ = (
        Index(
            "uq_reminder_stop_in_force",
            "invoice_id",
            unique=True,
            sqlite_where=_IN_FORCE,
            postgresql_where=_IN_FORCE,
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), index=True)
    because: Mapped[str] = mapped_column(String(500))
    stopped_by: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(String(200), default="")
