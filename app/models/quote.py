"""Quotes: one row a version, all versions of a number one chain."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from .. import canonical, clock
from ..db import BigId, Model, Percent, Quantity, UnitPrice, enum
from ..money import ROUNDING_RULE, Money, PricedLine, Totals, line_amount, totals
from ..states.quote import EDGES, LAPSING, QuoteStatus
from .account import Account, Address, Contact, Opportunity
from .catalog import Frequency, Product, Routing
from .machine import Machine
from .people import User


class Renewal(StrEnum):
    AUTO = "auto"
    MANUAL = "manual"
    NONE = "none"


class Due(StrEnum):
    """When an instalment of a payment plan is to be paid."""

    SIGNATURE = "signature"
    DATE = "date"
    DELIVERY = "delivery"


class CollectionMethod(StrEnum):
    PAYMENT_LINK = "payment_link"
    SAVED_METHOD = "saved_method"
    STAFF_CARD = "staff_card"
    OFFLINE = "offline"


class CommercialLine:
    """The columns that quote lines and order lines share: what is sold and what it costs."""

    position: Mapped[int]
    sku: Mapped[str] = mapped_column(String(60))
    description: Mapped[str] = mapped_column(String(500))
    quantity: Mapped[Decimal] = mapped_column(Quantity)
    unit_price: Mapped[Decimal] = mapped_column(UnitPrice)
    discount_percent: Mapped[Decimal] = mapped_column(Percent, default=Decimal(0))
    tax_rate: Mapped[Decimal] = mapped_column(Percent)
    frequency: Mapped[Frequency | None] = mapped_column(enum(Frequency))
    routing: Mapped[Routing] = mapped_column(enum(Routing))
    activation_date: Mapped[date | None]

    @declared_attr
    def product_id(cls) -> Mapped[int | None]:
        return mapped_column(ForeignKey("product.id"))

    @declared_attr
    def product(cls) -> Mapped[Product | None]:
        return relationship()

    @property
    def priced(self) -> PricedLine:
        return PricedLine(self.quantity, self.unit_price, self.discount_percent, self.tax_rate)

    def amount(self, currency: str) -> Money:
        return line_amount(self.priced, currency)


LINE_CHECKS = (
    CheckConstraint("quantity > 0", name="quantity_positive"),
    CheckConstraint("unit_price >= 0", name="unit_price_not_negative"),
    CheckConstraint("discount_percent >= 0 AND discount_percent <= 100000", name="discount_in_range"),
    CheckConstraint("tax_rate >= 0", name="tax_rate_not_negative"),
)


class CommercialTerms:
    """The columns that quotes and orders share: when it starts, how long it runs, how it is paid."""

    currency: Mapped[str] = mapped_column(String(3))
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    rounding_rule: Mapped[str] = mapped_column(String(20), default=ROUNDING_RULE)
    start_date: Mapped[date | None]
    term_months: Mapped[int | None]
    billing_frequency: Mapped[Frequency | None] = mapped_column(enum(Frequency))
    renewal: Mapped[Renewal] = mapped_column(enum(Renewal), default=Renewal.NONE)
    payment_terms_days: Mapped[int] = mapped_column(default=14)


TERMS = (
    "currency",
    "prices_include_tax",
    "rounding_rule",
    "start_date",
    "term_months",
    "billing_frequency",
    "renewal",
    "payment_terms_days",
)
LINE_FACTS = (
    "sku",
    "description",
    "quantity",
    "unit_price",
    "discount_percent",
    "tax_rate",
    "frequency",
    "routing",
    "activation_date",
)
PLAN_FACTS = ("percent", "amount", "due", "due_date", "collection")


class Quote(CommercialTerms, Machine, Model):
    """`content_hash` is the hash of what was approved; `expires_on` is the last day it can be converted."""

    __tablename__ = "quote"
    __table_args__ = (UniqueConstraint("number", "version"), Index("ix_quote_owner_id_id", "owner_id", "id"))
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), index=True)
    version: Mapped[int] = mapped_column(default=1)
    status: Mapped[QuoteStatus] = mapped_column(enum(QuoteStatus), default=QuoteStatus.DRAFT)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    opportunity_id: Mapped[int | None] = mapped_column(ForeignKey("opportunity.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    billing_address_id: Mapped[int | None] = mapped_column(ForeignKey("address.id"))
    shipping_address_id: Mapped[int | None] = mapped_column(ForeignKey("address.id"))
    expires_on: Mapped[date]
    notes: Mapped[str] = mapped_column(default="")
    edition: Mapped[int] = mapped_column(default=1)
    content_hash: Mapped[str | None] = mapped_column(String(64))
    submitted_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    approved_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    account: Mapped[Account] = relationship()
    contact: Mapped[Contact | None] = relationship()
    opportunity: Mapped[Opportunity | None] = relationship()
    owner: Mapped[User] = relationship(foreign_keys=[owner_id])
    billing_address: Mapped[Address | None] = relationship(foreign_keys=[billing_address_id])
    shipping_address: Mapped[Address | None] = relationship(foreign_keys=[shipping_address_id])
    lines: Mapped[list[QuoteLine]] = relationship(
        back_populates="quote", order_by="QuoteLine.position", cascade="all, delete-orphan"
    )
    instalments: Mapped[list[Instalment]] = relationship(
        order_by="Instalment.position", cascade="all, delete-orphan", foreign_keys="Instalment.quote_id"
    )

    def totals(self) -> Totals:
        """One-time lines plus the first period of the recurring ones."""
        return totals((x.priced for x in self.lines), self.currency, prices_include_tax=self.prices_include_tax)

    def status_on(self, day: date) -> QuoteStatus:
        """What the quote is on `day` of the company's calendar: past its last day it is expired, job or no job."""
        return QuoteStatus.EXPIRED if self.status in LAPSING and day > self.expires_on else self.status

    def commercial_content(self) -> dict[str, Any]:
        """What an approval approves: parties, lines, terms, plan and totals, ready for `canonical.dumps`."""
        return {
            "number": self.number,
            "version": self.version,
            "account": self.account.number,
            "contact": self.contact.email if self.contact else None,
            **{name: getattr(self, name) for name in TERMS},
            "lines": [{name: getattr(x, name) for name in LINE_FACTS} for x in self.lines],
            "plan": [{name: getattr(x, name) for name in PLAN_FACTS} for x in self.instalments],
            "total": self.totals().gross.minor,
        }

    def commercial_hash(self) -> str:
        return canonical.digest(self.commercial_content())


class QuoteLine(CommercialLine, Model):
    __tablename__ = "quote_line"
    __table_args__ = (UniqueConstraint("quote_id", "position"), *LINE_CHECKS)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    quote_id: Mapped[int] = mapped_column(ForeignKey("quote.id"), index=True)

    quote: Mapped[Quote] = relationship(back_populates="lines")


class Instalment(Model):
    """One step of a payment plan, of a quote or, copied at conversion, of an order: percent of the total, or minor
    units of its currency."""

    __tablename__ = "instalment"
    __table_args__ = (
        CheckConstraint("(quote_id IS NULL) <> (order_id IS NULL)", name="one_parent"),
        CheckConstraint("(percent IS NULL) <> (amount IS NULL)", name="percent_or_amount"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    quote_id: Mapped[int | None] = mapped_column(ForeignKey("quote.id"), index=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"), index=True)
    position: Mapped[int]
    percent: Mapped[Decimal | None] = mapped_column(Percent)
    amount: Mapped[int | None] = mapped_column(BigId)
    due: Mapped[Due] = mapped_column(enum(Due), default=Due.SIGNATURE)
    due_date: Mapped[date | None]
    collection: Mapped[CollectionMethod] = mapped_column(enum(CollectionMethod), default=CollectionMethod.PAYMENT_LINK)
