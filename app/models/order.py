"""The sales order and what hangs on it: lines, notes, files."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, Quantity, enum
from ..money import Totals, totals
from ..states.order import EDGES, OrderStatus
from .account import Account, Address, Contact, Opportunity
from .machine import Machine
from .people import User
from .quote import LINE_CHECKS, CommercialLine, CommercialTerms, Instalment, Quote

TAG_DECLINED = "Payment declined"
TAG_CUSTOMER_DECLINED = "Declined by customer"
TAG_CHANGE = "Change requested"
TAG_EXPIRED = "Approval expired"
TAG_UNAPPLIED = "Unapplied cash"
TAG_LAPSES = "Authorization lapses soon"
TAG_LAPSED = "Authorization lapsed"
TAG_DISPUTED = "Disputed"


class SalesOrder(CommercialTerms, Machine, Model):
    """`edition` counts commercial edits: forms, snapshots and intents carry the edition they were made from."""

    __tablename__ = "sales_order"
    __lock_rank__ = 2
    __table_args__ = (
        # One order per quote chain, whoever asks (invariant 8).
        UniqueConstraint("quote_number"),
        Index("ix_sales_order_owner_id_id", "owner_id", "id"),
        Index("ix_sales_order_status_id", "status", "id"),
    )
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    status: Mapped[OrderStatus] = mapped_column(enum(OrderStatus), default=OrderStatus.DRAFT)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    opportunity_id: Mapped[int | None] = mapped_column(ForeignKey("opportunity.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    quote_id: Mapped[int | None] = mapped_column(ForeignKey("quote.id"))
    quote_number: Mapped[str | None] = mapped_column(String(20))
    quote_version: Mapped[int | None]
    quote_hash: Mapped[str | None] = mapped_column(String(64))
    billing_address_id: Mapped[int | None] = mapped_column(ForeignKey("address.id"))
    shipping_address_id: Mapped[int | None] = mapped_column(ForeignKey("address.id"))
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    edition: Mapped[int] = mapped_column(default=1)
    activated_on: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    account: Mapped[Account] = relationship()
    contact: Mapped[Contact | None] = relationship()
    opportunity: Mapped[Opportunity | None] = relationship()
    owner: Mapped[User] = relationship()
    quote: Mapped[Quote | None] = relationship()
    billing_address: Mapped[Address | None] = relationship(foreign_keys=[billing_address_id])
    shipping_address: Mapped[Address | None] = relationship(foreign_keys=[shipping_address_id])
    lines: Mapped[list[OrderLine]] = relationship(
        back_populates="order", order_by="OrderLine.position", cascade="all, delete-orphan"
    )
    instalments: Mapped[list[Instalment]] = relationship(
        order_by="Instalment.position", cascade="all, delete-orphan", foreign_keys="Instalment.order_id"
    )

    @property
    def history_order_id(self) -> int | None:
        return self.id

    def totals(self) -> Totals:
        """One-time lines plus the first period of the recurring ones."""
        return totals((x.priced for x in self.lines), self.currency, prices_include_tax=self.prices_include_tax)

    def tag(self, name: str) -> None:
        if name not in self.tags:
            self.tags = [*self.tags, name]

    def untag(self, *names: str) -> None:
        self.tags = [t for t in self.tags if t not in names]


class OrderLine(CommercialLine, Model):
    """`activated_on` is set by the activation, on the line's own date; the counts only ever grow towards `quantity`."""

    __tablename__ = "order_line"
    __table_args__ = (
        UniqueConstraint("order_id", "position"),
        *LINE_CHECKS,
        CheckConstraint("packed >= fulfilled AND quantity >= packed AND fulfilled >= 0", name="counts_in_order"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"), index=True)
    packed: Mapped[Decimal] = mapped_column(Quantity, default=Decimal(0))
    shipped: Mapped[Decimal] = mapped_column(Quantity, default=Decimal(0))
    fulfilled: Mapped[Decimal] = mapped_column(Quantity, default=Decimal(0))
    returned: Mapped[Decimal] = mapped_column(Quantity, default=Decimal(0))
    activated_on: Mapped[date | None]

    order: Mapped[SalesOrder] = relationship(back_populates="lines")


class Note(Model):
    """Internal unless `visible` to the customer."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    body: Mapped[str]
    visible: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class OrderFile(Model):
    """An uploaded file; `content_type` is what its bytes say, not what the browser claimed."""

    __tablename__ = "order_file"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    filename: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    visible: Mapped[bool] = mapped_column(default=False)
    body: Mapped[bytes] = deferred(mapped_column(LargeBinary))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
