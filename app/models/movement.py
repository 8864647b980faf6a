"""What is asked of money that a gateway already holds: captures, voids and refunds, each a row before it is sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from ..money import Money
from ..states.movement import ASKED, EDGES, MovementStatus
from .machine import Actor, ActorKind, Machine
from .payment import Attempt, PaymentOrder, Transaction, TransactionAction
from .people import User

_ENDS = text("action IN ('capture', 'void') AND status IN ('started', 'pending', 'unknown', 'succeeded')")
_WAITS = text("ask_at IS NOT NULL")
_NAMED = text("provider_id IS NOT NULL AND action = 'refund'")


class Movement(Machine, Model):
    """One capture, void or refund of `parent`, committed before the gateway hears of it; `request` is what it is sent.

    `credit_note`: one is issued over a refund once it has succeeded. `elsewhere`: made at the processor, so that it
    has neither key nor request of ours. An authorization ends once, by capture or void (invariant 16), and a refund
    stands here once: the indexes say so.
    """

    __tablename__ = "movement"
    __lock_rank__ = 5
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("action IN ('capture', 'void', 'refund')", name="action_moves"),
        CheckConstraint("elsewhere = (idempotency_key IS NULL)", name="keyed_unless_elsewhere"),
        Index("uq_movement_end", "parent_id", unique=True, sqlite_where=_ENDS, postgresql_where=_ENDS),
        Index(
            "uq_movement_provider",
            "gateway_id",
            "provider_id",
            unique=True,
            sqlite_where=_NAMED,
            postgresql_where=_NAMED,
        ),
        Index("ix_movement_ask", "ask_at", sqlite_where=_WAITS, postgresql_where=_WAITS),
        Index("ix_movement_status", "status", "id"),
    )
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    action: Mapped[TransactionAction] = mapped_column(enum(TransactionAction))
    status: Mapped[MovementStatus] = mapped_column(enum(MovementStatus), default=MovementStatus.STARTED)
    payment_order_id: Mapped[int] = mapped_column(ForeignKey("payment_order.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempt.id"), index=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("transaction.id"), index=True)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(500), default="")
    elsewhere: Mapped[bool] = mapped_column(default=False)
    credit_note: Mapped[bool] = mapped_column(default=False)
    idempotency_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    request: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    provider_id: Mapped[str | None] = mapped_column(String(100))
    error_code: Mapped[str | None] = mapped_column(String(60))
    error: Mapped[str | None] = mapped_column(String(500))
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_name: Mapped[str] = mapped_column(String(200))
    actor_user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    sent_from: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]
    ask_at: Mapped[datetime | None]
    asked: Mapped[int] = mapped_column(default=0)

    payment_order: Mapped[PaymentOrder] = relationship()
    attempt: Mapped[Attempt] = relationship()
    parent: Mapped[Transaction] = relationship()
    decided_by: Mapped[User | None] = relationship(foreign_keys=[decided_by_id])

    @property
    def history_order_id(self) -> int | None:
        return self.payment_order.order_id

    @property
    def actor(self) -> Actor:
        """Who asked for it, as history names them."""
        return Actor(ActorKind(self.actor_kind), self.actor_name, self.actor_user_id)

    @property
    def is_asked(self) -> bool:
        return self.status in ASKED

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)
