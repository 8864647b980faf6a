"""What the customer receives for a recurring line: of an order, or of an agreement by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db import BigId, Model, Quantity, enum
from ..states.subscription import EDGES, SubscriptionStatus
from .catalog import Frequency
from .machine import Machine


class Subscription(Machine, Model):
    __tablename__ = "subscription"
    __table_args__ = (
        CheckConstraint("(order_line_id IS NULL) <> (agreement_line_id IS NULL)", name="of_one_line"),
        CheckConstraint("(order_line_id IS NULL) = (order_id IS NULL)", name="of_its_order"),
    )
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"), index=True)
    order_line_id: Mapped[int | None] = mapped_column(ForeignKey("order_line.id"), unique=True)
    agreement_id: Mapped[int | None] = mapped_column(
        ForeignKey("payment_agreement.id", name="fk_subscription_agreement_id"), index=True
    )
    agreement_line_id: Mapped[int | None] = mapped_column(
        ForeignKey("agreement_line.id", name="fk_subscription_agreement_line_id"), unique=True
    )
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    status: Mapped[SubscriptionStatus] = mapped_column(enum(SubscriptionStatus), default=SubscriptionStatus.SCHEDULED)
    sku: Mapped[str] = mapped_column(String(60))
    description: Mapped[str] = mapped_column(String(500))
    quantity: Mapped[Decimal] = mapped_column(Quantity)
    frequency: Mapped[Frequency] = mapped_column(enum(Frequency))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]

    def end_by(self, day: date) -> None:
        """`day` is the last one that is supplied, if it has begun by then and would go on."""
        if self.starts_on <= day and (self.ends_on is None or self.ends_on > day):
            self.ends_on = day
