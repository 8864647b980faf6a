"""The sandbox's memory. In our database for want of another, but written only by its own sessions (`books`)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...db import BigId, Model, enum
from .cards import Fault


class ChargeState(StrEnum):
    SUCCEEDED = "succeeded"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class SandboxCustomer(Model):
    __tablename__ = "sandbox_customer"
    __table_args__ = (UniqueConstraint("gateway", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ref: Mapped[str] = mapped_column(String(40), unique=True)
    gateway: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(64))
    account_number: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class SandboxToken(Model):
    """A saved card. `slug` names the test card; `confirmed` once its holder has confirmed a payment."""

    __tablename__ = "sandbox_token"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ref: Mapped[str] = mapped_column(String(40), unique=True)
    gateway: Mapped[str] = mapped_column(String(40))
    customer_ref: Mapped[str] = mapped_column(ForeignKey("sandbox_customer.ref"))
    slug: Mapped[str] = mapped_column(String(40))
    exp_month: Mapped[int]
    exp_year: Mapped[int]
    holder: Mapped[str] = mapped_column(String(200))
    confirmed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class SandboxCharge(Model):
    """One charge, by the key it was asked under; `fingerprint` is of the request. `amount` in minor units."""

    __tablename__ = "sandbox_charge"
    __table_args__ = (UniqueConstraint("gateway", "key"), CheckConstraint("amount > 0", name="amount_positive"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ref: Mapped[str] = mapped_column(String(40), unique=True)
    gateway: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(64))
    state: Mapped[ChargeState] = mapped_column(enum(ChargeState))
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    slug: Mapped[str] = mapped_column(String(40))
    exp_month: Mapped[int]
    exp_year: Mapped[int]
    holder: Mapped[str] = mapped_column(String(200))
    customer_ref: Mapped[str | None] = mapped_column(String(40))
    token_ref: Mapped[str | None] = mapped_column(String(40))
    save: Mapped[bool]
    descriptor: Mapped[str] = mapped_column(String(22))
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSON)
    return_url: Mapped[str]
    in_page: Mapped[bool] = mapped_column(default=False)
    decline_code: Mapped[str | None] = mapped_column(String(60))
    advice: Mapped[str | None] = mapped_column(String(60))
    authorization: Mapped[str] = mapped_column(String(12), default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class SandboxMovement(Model):
    """Money that moved: one row a succeeded charge. What a payout will be made of."""

    __tablename__ = "sandbox_movement"
    __append_only__ = True
    __table_args__ = (UniqueConstraint("charge_ref", "kind"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    charge_ref: Mapped[str] = mapped_column(ForeignKey("sandbox_charge.ref"))
    kind: Mapped[str] = mapped_column(String(20))
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime] = mapped_column(default=clock.now)


class SandboxScript(Model):
    """What shall happen to a coming charge, in place of what its card says; taken in order, each by one key.

    A card's own fault leaves a row here too once it has struck, so that it does not strike the same key again.
    """

    __tablename__ = "sandbox_script"
    __table_args__ = (UniqueConstraint("taken_by"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    state: Mapped[ChargeState | None] = mapped_column(enum(ChargeState))
    decline_code: Mapped[str | None] = mapped_column(String(60))
    advice: Mapped[str | None] = mapped_column(String(60))
    fault: Mapped[Fault | None] = mapped_column(enum(Fault))
    seconds: Mapped[int] = mapped_column(default=0)
    taken_by: Mapped[str | None] = mapped_column(String(64))
