"""Invoices, the receipts for money that came in, and which receipt pays which invoice."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, Percent, Quantity, UnitPrice, enum
from ..money import ROUNDING_RULE, Money
from ..states.invoice import EDGES, InvoiceStatus
from .account import Account
from .machine import Machine, Recorded


class InvoiceKind(StrEnum):
    """A deposit bills a part of an order, of none of its lines alone; what is left after deposits alone is billed by
    the final one."""

    FULL = "full"
    DEPOSIT = "deposit"
    FINAL = "final"


class Invoice(Machine, Model):
    """Amounts in minor units. The number is taken at issue; what is printed is kept here, not looked up later.

    A final invoice lists the lines in full; its amounts are what is left after its `deductions`: number, day, and net
    and tax of a rate, of each deposit invoice, and below zero of each credit note on one.
    """

    __tablename__ = "invoice"
    __table_args__ = (
        CheckConstraint("gross = net + tax", name="adds_up"),
        CheckConstraint("(status = 'draft') = (number IS NULL)", name="numbered_when_issued"),
        Index("ix_invoice_due_date", "due_date"),
    )
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str | None] = mapped_column(String(20), unique=True)
    kind: Mapped[InvoiceKind] = mapped_column(enum(InvoiceKind), default=InvoiceKind.FULL)
    status: Mapped[InvoiceStatus] = mapped_column(enum(InvoiceStatus), default=InvoiceStatus.DRAFT)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"), index=True)
    currency: Mapped[str] = mapped_column(String(3))
    net: Mapped[int] = mapped_column(BigId)
    tax: Mapped[int] = mapped_column(BigId)
    gross: Mapped[int] = mapped_column(BigId, index=True)
    rounding_rule: Mapped[str] = mapped_column(String(20), default=ROUNDING_RULE)
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    tax_by_rate: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    deductions: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    billing: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    issued_on: Mapped[date | None]
    supply_date: Mapped[date | None]
    due_date: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    account: Mapped[Account] = relationship()
    lines: Mapped[list[InvoiceLine]] = relationship(order_by="InvoiceLine.position", cascade="all, delete-orphan")


class InvoiceLine(Model):
    __tablename__ = "invoice_line"
    __table_args__ = (UniqueConstraint("invoice_id", "position"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), index=True)
    order_line_id: Mapped[int | None] = mapped_column(ForeignKey("order_line.id"))
    position: Mapped[int]
    sku: Mapped[str] = mapped_column(String(60), default="")
    description: Mapped[str] = mapped_column(String(500))
    quantity: Mapped[Decimal] = mapped_column(Quantity)
    unit_price: Mapped[Decimal] = mapped_column(UnitPrice)
    discount_percent: Mapped[Decimal] = mapped_column(Percent, default=Decimal(0))
    tax_rate: Mapped[Decimal] = mapped_column(Percent)
    amount: Mapped[int] = mapped_column(BigId)


class ReceiptKind(StrEnum):
    """How money came, or went back: by a gateway, or outside of any."""

    GATEWAY = "gateway"
    CHEQUE = "cheque"
    WIRE = "wire"
    CASH = "cash"


OFFLINE = (ReceiptKind.CHEQUE, ReceiptKind.WIRE, ReceiptKind.CASH)
_REVERSES = text("reversal")


class Receipt(Recorded, Model):
    """One per capture, refund, and cheque, wire or cash that came (invariant 6); below zero money that left again.
    Append-only.

    `parent_id` names the receipt of the money that left; a receipt and those below it are one pot, whose rest is
    unapplied cash. `reversal`: offline money that never arrived, so that it counts as never received. What came offline
    has a `reference` and the day it was `received_on`; `invoice_id` is what it was meant for. `dispute_id`: what a bank
    took for good, or gave back after all.
    """

    __tablename__ = "receipt"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount_not_zero"),
        CheckConstraint("kind = 'gateway' OR transaction_id IS NULL", name="offline_without_transaction"),
        CheckConstraint("kind = 'gateway' OR received_on IS NOT NULL", name="offline_has_its_day"),
        CheckConstraint("NOT reversal OR (amount < 0 AND kind <> 'gateway')", name="reversal_takes_back"),
        Index("uq_receipt_reversal", "parent_id", unique=True, sqlite_where=_REVERSES, postgresql_where=_REVERSES),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    kind: Mapped[ReceiptKind] = mapped_column(enum(ReceiptKind), default=ReceiptKind.GATEWAY)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    payment_order_id: Mapped[int | None] = mapped_column(ForeignKey("payment_order.id"), index=True)
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoice.id"))
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey("transaction.id"), unique=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("receipt.id"), index=True)
    dispute_id: Mapped[int | None] = mapped_column(ForeignKey("dispute.id"), index=True)
    reversal: Mapped[bool] = mapped_column(default=False)
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    paid_with: Mapped[str] = mapped_column(String(100), default="")
    reference: Mapped[str] = mapped_column(String(100), default="")
    received_on: Mapped[date | None]
    note: Mapped[str] = mapped_column(String(500), default="")
    recorded_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime] = mapped_column(default=clock.now)

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def root_id(self) -> int:
        """The pot that it belongs to."""
        return self.parent_id or self.id


class Allocation(Model):
    """So much of a receipt pays so much of an invoice; a row below zero takes it off again. Append-only."""

    __tablename__ = "allocation"
    __append_only__ = True
    __table_args__ = (CheckConstraint("amount <> 0", name="amount_not_zero"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    receipt_id: Mapped[int] = mapped_column(ForeignKey("receipt.id"), index=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), index=True)
    amount: Mapped[int] = mapped_column(BigId)
    at: Mapped[datetime] = mapped_column(default=clock.now)
