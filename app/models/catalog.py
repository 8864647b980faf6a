"""What can be sold."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db import BigId, Model, Percent, UnitPrice, enum


class Frequency(StrEnum):
    """How often a recurring line is charged; a one-time line has none."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


class Routing(StrEnum):
    """Where an item is delivered from."""

    WAREHOUSE = "warehouse"
    THIRD_PARTY = "third_party"
    DIGITAL = "digital"
    SERVICE = "service"


class TaxCode(Model):
    __tablename__ = "tax_code"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(100))

    rates: Mapped[list[TaxRate]] = relationship(order_by="TaxRate.valid_from")

    def rate_on(self, day: date) -> Decimal:
        """In percent. Raises LookupError before the first dated rate."""
        for rate in reversed(self.rates):
            if rate.valid_from <= day:
                return rate.rate
        raise LookupError(f"{self.code} has no rate on {day}")


class TaxRate(Model):
    """The rate, in percent, that a tax code has from a date on."""

    __tablename__ = "tax_rate"
    __table_args__ = (UniqueConstraint("tax_code_id", "valid_from"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tax_code_id: Mapped[int] = mapped_column(ForeignKey("tax_code.id"))
    valid_from: Mapped[date]
    rate: Mapped[Decimal] = mapped_column(Percent)


class Product(Model):
    """`unit_price` is the list price in major units of `currency`."""

    __tablename__ = "product"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    sku: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    unit_price: Mapped[Decimal] = mapped_column(UnitPrice)
    currency: Mapped[str] = mapped_column(String(3))
    frequency: Mapped[Frequency | None] = mapped_column(enum(Frequency))
    routing: Mapped[Routing] = mapped_column(enum(Routing), default=Routing.DIGITAL)
    tax_code_id: Mapped[int] = mapped_column(ForeignKey("tax_code.id"))
    active: Mapped[bool] = mapped_column(default=True)

    tax_code: Mapped[TaxCode] = relationship()
