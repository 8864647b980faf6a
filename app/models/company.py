"""The one company that sells here, its settings, and the counters that number its documents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..db import BigId, Model


class Company(Model):
    """Exactly one row. Prices are net unless `prices_include_tax`."""

    __tablename__ = "company"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200))
    street: Mapped[str] = mapped_column(String(200))
    postcode: Mapped[str] = mapped_column(String(20))
    city: Mapped[str] = mapped_column(String(100))
    country: Mapped[str] = mapped_column(String(2))
    tax_id: Mapped[str] = mapped_column(String(40), default="")
    email: Mapped[str] = mapped_column(String(254))
    phone: Mapped[str] = mapped_column(String(40), default="")
    time_zone: Mapped[str] = mapped_column(String(60))
    currency: Mapped[str] = mapped_column(String(3))
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    accent: Mapped[str] = mapped_column(String(7), default="#0f6b5c")
    logo: Mapped[str | None] = mapped_column(ForeignKey("logo.sha256"))

    @property
    def place(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in ("street", "postcode", "city", "country")}


class Logo(Model):
    """A picture that the company bears, or bore: papers made with it are printed with it again. Append-only."""

    __tablename__ = "logo"
    __append_only__ = True

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    mimetype: Mapped[str] = mapped_column(String(40))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class Setting(Model):
    """One typed setting; `settings.py` knows names, types and defaults."""

    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)


class TermsText(Model):
    """A version of the terms and conditions that customers accept. Append-only: signatures point at versions."""

    __tablename__ = "terms_text"
    __append_only__ = True

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class Counter(Model):
    """The last number taken of a series (`quote`, `order`, `invoice`, …). Locked while one is taken: no gaps."""

    __tablename__ = "counter"

    series: Mapped[str] = mapped_column(String(40), primary_key=True)
    last: Mapped[int] = mapped_column(default=0)


class Audit(Model):
    """Who changed what of money, permissions or settings: before, after, when, from where. Append-only."""

    __tablename__ = "audit"
    __append_only__ = True

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    action: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(120))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    actor_name: Mapped[str] = mapped_column(String(200))
    before: Mapped[Any] = mapped_column(JSON, nullable=True)
    after: Mapped[Any] = mapped_column(JSON, nullable=True)
    address: Mapped[str] = mapped_column(String(60), default="")
    at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
