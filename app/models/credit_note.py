"""What takes an issued invoice back, in part or whole: credit notes, and what is written off."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, Percent, enum
from ..money import Money
from .account import Account
from .invoice import Invoice


class CreditReason(StrEnum):
    PRICE = "price"
    RETURN = "return"
    CANCELLATION = "cancellation"
    DUPLICATE = "duplicate"
    OTHER = "other"


class CreditNote(Model):
    """Amounts in minor units above zero, taken off the invoice. What is printed is kept here. Append-only.

    `received` is what of it had been paid and is unapplied cash since. `refund_id`: the refund that it was asked for
    with; it credits an invoice once.
    """

    __tablename__ = "credit_note"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("refund_id", "invoice_id"),
        CheckConstraint("gross = net + tax", name="adds_up"),
        CheckConstraint("gross > 0", name="gross_positive"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"))
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("transaction.id"))
    reason: Mapped[CreditReason] = mapped_column(enum(CreditReason))
    note: Mapped[str] = mapped_column(String(500), default="")
    currency: Mapped[str] = mapped_column(String(3))
    net: Mapped[int] = mapped_column(BigId)
    tax: Mapped[int] = mapped_column(BigId)
    gross: Mapped[int] = mapped_column(BigId)
    received: Mapped[int] = mapped_column(BigId, default=0)
    rounding_rule: Mapped[str] = mapped_column(String(20))
    prices_include_tax: Mapped[bool]
    tax_by_rate: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    billing: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    issued_on: Mapped[date]
    issued_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    invoice: Mapped[Invoice] = relationship()
    account: Mapped[Account] = relationship()
    lines: Mapped[list[CreditNoteLine]] = relationship(order_by="CreditNoteLine.position")

    @property
    def money(self) -> Money:
        return Money(self.gross, self.currency)


class CreditNoteLine(Model):
    """So much of a line of the invoice, priced as the invoice is: net, or with tax where its prices include it."""

    __tablename__ = "credit_note_line"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("credit_note_id", "position"),
        CheckConstraint("amount > 0", name="amount_positive"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    credit_note_id: Mapped[int] = mapped_column(ForeignKey("credit_note.id"), index=True)
    invoice_line_id: Mapped[int] = mapped_column(ForeignKey("invoice_line.id"), index=True)
    position: Mapped[int]
    sku: Mapped[str] = mapped_column(String(60), default="")
    description: Mapped[str] = mapped_column(String(500))
    tax_rate: Mapped[Decimal] = mapped_column(Percent)
    amount: Mapped[int] = mapped_column(BigId)


class WriteOff(Model):
    """What will not be paid any more of an invoice; a row below zero takes the one back that it `reverses_id`. The
    reason and the person are each row's own. Append-only."""

    __tablename__ = "write_off"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("reverses_id"),
        CheckConstraint(
            "(reverses_id IS NULL AND amount > 0) OR (reverses_id IS NOT NULL AND amount < 0)",
            name="reversal_takes_back",
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("write_off.id"))
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(500))
    written_off_by: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(default=clock.now)
