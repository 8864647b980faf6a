"""Gateways, the routes to them, and the cards that customers left there."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, case, literal, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from ..states import gateway as gateway_states
from ..states.gateway import GatewayState
from .machine import Machine, Recorded

IN_SERVICE = (GatewayState.ACTIVE, GatewayState.DEPRECATED)


class Gateway(Machine, Model):
    """An account at a processor. `kind` names the adapter; credentials come from the environment, never from here.

    `status` is what the payment admin said; `state` is what holds now: one in service that does not answer is
    unavailable until it does, and then is again what the admin said. A deprecated one charges running agreements
    through `legacy_until`. `silent` counts the answers in a row that told nothing, since `silent_since`.
    """

    __tablename__ = "gateway"
    EDGES: ClassVar = gateway_states.EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(100))
    mode: Mapped[str] = mapped_column(String(10), default="test")
    status: Mapped[GatewayState] = mapped_column(enum(GatewayState), default=GatewayState.ACTIVE)
    currencies: Mapped[list[str]] = mapped_column(JSON, default=list)
    legacy_until: Mapped[date | None]
    silent: Mapped[int] = mapped_column(default=0)
    silent_since: Mapped[datetime | None]
    down_since: Mapped[datetime | None]
    down_error: Mapped[str | None] = mapped_column(String(500))
    checked_at: Mapped[datetime | None]
    recovered_at: Mapped[datetime | None]

    @hybrid_property
    def state(self) -> GatewayState:
        if self.down_since is not None and self.status in IN_SERVICE:
            return GatewayState.UNAVAILABLE
        return self.status

    @state.inplace.expression
    @classmethod
    def _state(cls) -> Any:
        silent = cls.down_since.is_not(None) & cls.status.in_(IN_SERVICE)
        return case((silent, literal(GatewayState.UNAVAILABLE, cls.status.type)), else_=cls.status)


class OrderKind(StrEnum):
    ONE_TIME = "one_time"
    RECURRING = "recurring"


class Route(Recorded, Model):
    """Where a charge goes: the first active one by `position` that matches. What is null (`account_group`: empty)
    matches everything; amounts are minor units of `currency`, both ends included.

    `fallback_id` is the gateway taken while the route's own cannot be used; only ever before a request has left.
    """

    __tablename__ = "route"
    __table_args__ = (
        CheckConstraint("amount_min IS NULL OR amount_max IS NULL OR amount_min <= amount_max", name="amount_range"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    position: Mapped[int]
    active: Mapped[bool] = mapped_column(default=True)
    currency: Mapped[str | None] = mapped_column(String(3))
    account_group: Mapped[str] = mapped_column(String(40), default="")
    order_kind: Mapped[OrderKind | None] = mapped_column(enum(OrderKind))
    amount_min: Mapped[int | None] = mapped_column(BigId)
    amount_max: Mapped[int | None] = mapped_column(BigId)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    fallback_id: Mapped[int | None] = mapped_column(ForeignKey("gateway.id"))
    capture_later: Mapped[bool] = mapped_column(default=False)
    descriptor: Mapped[str] = mapped_column(String(22))

    gateway: Mapped[Gateway] = relationship(foreign_keys=[gateway_id])


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
    """A method on a gateway. Not `valid`: never charge it again; `detached_at`: when the gateway forgot it, too. One of
    a method is in use at a gateway; older ones stay on the books, so that none is left there unknown to us."""

    __tablename__ = "token"
    __table_args__ = (
        UniqueConstraint("gateway_id", "token"),
        Index(
            "uq_token_in_use",
            "method_id",
            "gateway_id",
            unique=True,
            sqlite_where=text("valid"),
            postgresql_where=text("valid"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    method_id: Mapped[int] = mapped_column(ForeignKey("payment_method.id"), index=True)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    token: Mapped[str] = mapped_column(String(100))
    valid: Mapped[bool] = mapped_column(default=True)
    detached_at: Mapped[datetime | None]

    method: Mapped[PaymentMethod] = relationship(back_populates="tokens")
