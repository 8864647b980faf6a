"""Gateways, the routes to them, and the cards that customers left there."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from .machine import Recorded


class GatewayState(StrEnum):
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    REMOVED = "removed"
    UNAVAILABLE = "unavailable"


class Gateway(Model):
    """An account at a processor. `kind` names the adapter; credentials come from the environment, never from here."""

    __tablename__ = "gateway"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(100))
    mode: Mapped[str] = mapped_column(String(10), default="test")
    state: Mapped[GatewayState] = mapped_column(enum(GatewayState), default=GatewayState.ACTIVE)
    currencies: Mapped[list[str]] = mapped_column(JSON, default=list)


class Route(Model):
    """Where a charge goes; the first by `position` that matches the currency (null matches all)."""

    __tablename__ = "route"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    position: Mapped[int]
    currency: Mapped[str | None] = mapped_column(String(3))
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    descriptor: Mapped[str] = mapped_column(String(22))

    gateway: Mapped[Gateway] = relationship()


class PaymentMethod(Recorded, Model):
    """A saved card. `detached_at` set means: never charge it again."""

    __tablename__ = "payment_method"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    kind: Mapped[str] = mapped_column(String(20), default="card")
    brand: Mapped[str] = mapped_column(String(30))
    last4: Mapped[str] = mapped_column(String(4))
    exp_month: Mapped[int]
    exp_year: Mapped[int]
    holder: Mapped[str] = mapped_column(String(200), default="")
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    consent_text: Mapped[str]
    consent_by: Mapped[str] = mapped_column(String(200))
    consent_how: Mapped[str] = mapped_column(String(100))
    consent_at: Mapped[datetime] = mapped_column(default=clock.now)
    hard_declined_at: Mapped[datetime | None]
    detached_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    tokens: Mapped[list[Token]] = relationship(back_populates="method", cascade="all, delete-orphan")

    @property
    def label(self) -> str:
        return f"{self.brand} ending {self.last4}"

    def expired_on(self, day: date) -> bool:
        """A card is good through the last day of its month."""
        return (self.exp_year, self.exp_month) < (day.year, day.month)


class PaymentProfile(Model):
    """The account as a customer at a gateway."""

    __tablename__ = "payment_profile"
    __table_args__ = (UniqueConstraint("account_id", "gateway_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    customer_ref: Mapped[str] = mapped_column(String(100))


class Token(Model):
    """A method on a gateway."""

    __tablename__ = "token"
    __table_args__ = (UniqueConstraint("method_id", "gateway_id"), UniqueConstraint("gateway_id", "token"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    method_id: Mapped[int] = mapped_column(ForeignKey("payment_method.id"), index=True)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    token: Mapped[str] = mapped_column(String(100))
    valid: Mapped[bool] = mapped_column(default=True)

    method: Mapped[PaymentMethod] = relationship(back_populates="tokens")
