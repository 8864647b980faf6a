"""Payment agreements: what recurs, how it is paid, and the period after period that is asked for."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, Percent, Quantity, UnitPrice, enum
from ..money import ROUNDING_RULE, Money, PricedLine, Totals, totals
from ..states import agreement as agreement_states
from ..states import scheduled_payment as scheduled_states
from ..states.agreement import AgreementStatus
from ..states.scheduled_payment import ScheduledStatus
from .account import Account, Contact
from .catalog import Frequency
from .machine import Machine
from .method import PaymentMethod
from .order import SalesOrder
from .quote import CollectionMethod, Renewal


class Missed(StrEnum):
    """What becomes of periods that fell due while the agreement was paused."""

    SKIP = "skip"
    COLLECT = "collect"


class Proration(StrEnum):
    """What is asked for a last period that the end of the term cuts short."""

    NONE = "none"
    DAILY = "daily"


class PaymentAgreement(Machine, Model):
    """What an account agreed to pay every so often.

    Period `anchor_period` starts on `anchor`, every other one so many periods before or after it; dates are days in
    `zone`. `first_period` is the first that is charged here. `ends_on` is the last day, none where it is evergreen;
    `cancels_on` the last day after a cancellation at the period's end. `missed` counts while it is paused.
    `dunning_policy_id` None: the standard policy. `version` is that of its newest AgreementVersion.
    """

    __tablename__ = "payment_agreement"
    __lock_rank__ = 2
    __table_args__ = (
        CheckConstraint("every > 0", name="every_positive"),
        CheckConstraint("first_period > 0 AND anchor_period > 0", name="periods_counted_from_one"),
        CheckConstraint("collection IN ('saved_method', 'payment_link')", name="collected_by_itself"),
        CheckConstraint("(status = 'paused') OR (paused_until IS NULL AND missed IS NULL)", name="paused_only"),
        Index("ix_payment_agreement_owner_id_id", "owner_id", "id"),
        Index("ix_payment_agreement_status_id", "status", "id"),
    )
    EDGES: ClassVar = agreement_states.EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    status: Mapped[AgreementStatus] = mapped_column(enum(AgreementStatus), default=AgreementStatus.DRAFT)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"), index=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    currency: Mapped[str] = mapped_column(String(3))
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    rounding_rule: Mapped[str] = mapped_column(String(20), default=ROUNDING_RULE)
    frequency: Mapped[Frequency] = mapped_column(enum(Frequency))
    every: Mapped[int] = mapped_column(default=1)
    anchor: Mapped[date]
    anchor_period: Mapped[int] = mapped_column(default=1)
    zone: Mapped[str] = mapped_column(String(60))
    first_period: Mapped[int] = mapped_column(default=1)
    ends_on: Mapped[date | None]
    term_months: Mapped[int | None]
    renewal: Mapped[Renewal] = mapped_column(enum(Renewal), default=Renewal.NONE)
    trial_ends_on: Mapped[date | None]
    proration: Mapped[Proration] = mapped_column(enum(Proration), default=Proration.NONE)
    collection: Mapped[CollectionMethod] = mapped_column(enum(CollectionMethod))
    method_id: Mapped[int | None] = mapped_column(ForeignKey("payment_method.id"), index=True)
    paused_until: Mapped[date | None]
    missed: Mapped[Missed | None] = mapped_column(enum(Missed))
    cancels_on: Mapped[date | None]
    dunning_policy_id: Mapped[int | None] = mapped_column(ForeignKey("dunning_policy.id"))
    consent_text: Mapped[str]
    consent_by: Mapped[str] = mapped_column(String(200))
    consent_how: Mapped[str] = mapped_column(String(100))
    consent_at: Mapped[datetime]
    consent_version: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    account: Mapped[Account] = relationship()
    contact: Mapped[Contact | None] = relationship()
    order: Mapped[SalesOrder | None] = relationship()
    method: Mapped[PaymentMethod | None] = relationship()
    lines: Mapped[list[AgreementLine]] = relationship(order_by="AgreementLine.position", cascade="all, delete-orphan")

    @property
    def last_day(self) -> date | None:
        """After which nothing is supplied; None where there is no end in sight."""
        days = (
            (self.cancels_on,) if self.renewal is Renewal.AUTO and self.cancels_on else (self.ends_on, self.cancels_on)
        )
        return min((day for day in days if day is not None), default=None)

    @property
    def renews_itself(self) -> bool:
        return self._goes_on_by(Renewal.AUTO)

    @property
    def renewable(self) -> bool:
        """By hand."""
        return self._goes_on_by(Renewal.MANUAL) and self.status in agreement_states.RUNNING

    def _goes_on_by(self, renewal: Renewal) -> bool:
        termed = self.term_months is not None and self.ends_on is not None
        return self.renewal is renewal and termed and self.cancels_on is None

    def totals(self) -> Totals:
        """Of a whole period."""
        return totals((x.priced for x in self.lines), self.currency, prices_include_tax=self.prices_include_tax)


class AgreementLine(Model):
    """What recurs, and what it costs each period: unit price in major units."""

    __tablename__ = "agreement_line"
    __table_args__ = (
        UniqueConstraint("agreement_id", "position"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("unit_price >= 0", name="unit_price_not_negative"),
        CheckConstraint("discount_percent >= 0 AND discount_percent <= 100000", name="discount_in_range"),
        CheckConstraint("tax_rate >= 0", name="tax_rate_not_negative"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    agreement_id: Mapped[int] = mapped_column(ForeignKey("payment_agreement.id"), index=True)
    order_line_id: Mapped[int | None] = mapped_column(ForeignKey("order_line.id"), unique=True)
    position: Mapped[int]
    sku: Mapped[str] = mapped_column(String(60), default="")
    description: Mapped[str] = mapped_column(String(500))
    quantity: Mapped[Decimal] = mapped_column(Quantity)
    unit_price: Mapped[Decimal] = mapped_column(UnitPrice)
    discount_percent: Mapped[Decimal] = mapped_column(Percent, default=Decimal(0))
    tax_rate: Mapped[Decimal] = mapped_column(Percent)

    @property
    def priced(self) -> PricedLine:
        return PricedLine(self.quantity, self.unit_price, self.discount_percent, self.tax_rate)


class AgreementVersion(Model):
    """What was agreed from a moment on: canonical JSON and its SHA-256 (hex). Append-only."""

    __tablename__ = "agreement_version"
    __append_only__ = True
    __table_args__ = (UniqueConstraint("agreement_id", "version"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    agreement_id: Mapped[int] = mapped_column(ForeignKey("payment_agreement.id"))
    version: Mapped[int]
    content: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(500))
    made_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


_WAITS = text("status = 'scheduled'")
_ASKED = text("status = 'collecting'")


class ScheduledPayment(Machine, Model):
    """One period: what it covers, when it is due, and what was made of it. `amount` is gross, in minor units.

    `due_at` is the first instant of `due_on` in the agreement's zone. `run_id` is the run that took it last.
    `held_until`: whoever took it to charge it has it to themselves until then, or it rests until then after the gateway
    was out of reach.
    """

    __tablename__ = "scheduled_payment"
    __table_args__ = (
        UniqueConstraint("agreement_id", "period"),
        UniqueConstraint("payment_order_id"),
        UniqueConstraint("invoice_id"),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("period > 0", name="period_positive"),
        CheckConstraint("covers_to >= covers_from", name="covers_days"),
        CheckConstraint(
            "status IN ('scheduled', 'skipped', 'cancelled') OR payment_order_id IS NOT NULL", name="billed_to_be_paid"
        ),
        Index("ix_scheduled_payment_run_id_id", "run_id", "id"),
        Index("ix_scheduled_payment_due", "due_at", "id", sqlite_where=_WAITS, postgresql_where=_WAITS),
        Index("ix_scheduled_payment_collecting", "id", sqlite_where=_ASKED, postgresql_where=_ASKED),
    )
    EDGES: ClassVar = scheduled_states.EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    agreement_id: Mapped[int] = mapped_column(ForeignKey("payment_agreement.id"))
    period: Mapped[int]
    status: Mapped[ScheduledStatus] = mapped_column(enum(ScheduledStatus), default=ScheduledStatus.SCHEDULED)
    due_on: Mapped[date]
    due_at: Mapped[datetime]
    covers_from: Mapped[date]
    covers_to: Mapped[date]
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    payment_order_id: Mapped[int | None] = mapped_column(ForeignKey("payment_order.id"))
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoice.id"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("recurring_run.id"))
    held_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    agreement: Mapped[PaymentAgreement] = relationship()

    @property
    def history_order_id(self) -> int | None:
        return self.agreement.order_id

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)
