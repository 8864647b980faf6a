"""Collecting: payment orders, intents (checkouts), attempts, and the transactions that prove what happened."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from ..money import Money
from ..states import attempt as attempt_states
from ..states import intent as intent_states
from ..states import payment_order as payment_order_states
from ..states.attempt import AttemptStatus
from ..states.intent import IntentStatus
from ..states.payment_order import PaymentOrderStatus
from .account import Account, Contact
from .machine import Actor, ActorKind, Machine, Recorded
from .order import SalesOrder
from .quote import CollectionMethod


class PaymentOrder(Machine, Model):
    """The intent to collect `amount` (minor units). `first` marks the one whose capture books the order. What an
    agreement asks for names no order: it is none of what the order itself comes to. `route_id` is the route that the
    rules gave when it was made, or, `route_chosen`, the one that somebody chose, which goes before the rules."""

    __tablename__ = "payment_order"
    __lock_rank__ = 3
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("(order_id IS NULL) <> (agreement_id IS NULL)", name="asks_for_something"),
    )
    EDGES: ClassVar = payment_order_states.EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    status: Mapped[PaymentOrderStatus] = mapped_column(enum(PaymentOrderStatus), default=PaymentOrderStatus.OPEN)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"), index=True)
    invoice_id: Mapped[int | None] = mapped_column(
        ForeignKey("invoice.id", use_alter=True, name="fk_payment_order_invoice_id"), index=True
    )
    agreement_id: Mapped[int | None] = mapped_column(
        ForeignKey("payment_agreement.id", name="fk_payment_order_agreement_id"), index=True
    )
    edition: Mapped[int | None]
    purpose: Mapped[str] = mapped_column(String(200))
    amount: Mapped[int] = mapped_column(BigId, index=True)
    currency: Mapped[str] = mapped_column(String(3))
    first: Mapped[bool] = mapped_column(default=False)
    due_date: Mapped[date | None]
    collection: Mapped[CollectionMethod] = mapped_column(enum(CollectionMethod), default=CollectionMethod.PAYMENT_LINK)
    route_id: Mapped[int | None] = mapped_column(ForeignKey("route.id"))
    route_chosen: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    account: Mapped[Account] = relationship()
    contact: Mapped[Contact | None] = relationship()
    order: Mapped[SalesOrder | None] = relationship()
    lines: Mapped[list[PaymentOrderLine]] = relationship(order_by="PaymentOrderLine.id", cascade="all, delete-orphan")

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def chosen_route_id(self) -> int | None:
        return self.route_id if self.route_chosen else None

    def link_end(self, days: int, zone: str) -> datetime:
        """Of a link that is made now to live so many days: never before the end of the day this is due on."""
        end = clock.now() + timedelta(days=days)
        return max(end, clock.end_of_day(self.due_date, zone)) if self.due_date else end


class PaymentOrderLine(Model):
    """What is being paid, in words and minor units (gross)."""

    __tablename__ = "payment_order_line"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    payment_order_id: Mapped[int] = mapped_column(ForeignKey("payment_order.id"), index=True)
    order_line_id: Mapped[int | None] = mapped_column(ForeignKey("order_line.id", ondelete="SET NULL"))
    description: Mapped[str] = mapped_column(String(500))
    amount: Mapped[int] = mapped_column(BigId)


class IntentPurpose(StrEnum):
    APPROVAL = "approval"
    LINK = "link"
    STAFF = "staff"


class PaymentIntent(Machine, Model):
    """One executable checkout of exactly `amount`. The link is a signature over `public_id` and `generation`."""

    __tablename__ = "payment_intent"
    __table_args__ = (
        Index(
            "uq_payment_intent_live",
            "payment_order_id",
            unique=True,
            sqlite_where=text("status = 'live'"),
            postgresql_where=text("status = 'live'"),
        ),
        Index(
            "ix_payment_intent_expires",
            "expires_at",
            sqlite_where=text("status = 'live'"),
            postgresql_where=text("status = 'live'"),
        ),
    )
    EDGES: ClassVar = intent_states.EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    generation: Mapped[int] = mapped_column(default=1)
    payment_order_id: Mapped[int] = mapped_column(ForeignKey("payment_order.id"), index=True)
    status: Mapped[IntentStatus] = mapped_column(enum(IntentStatus), default=IntentStatus.LIVE)
    purpose: Mapped[IntentPurpose] = mapped_column(enum(IntentPurpose))
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    edition: Mapped[int | None]
    attempt_limit: Mapped[int] = mapped_column(default=5)
    expires_at: Mapped[datetime]
    viewed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    payment_order: Mapped[PaymentOrder] = relationship()

    @property
    def history_order_id(self) -> int | None:
        return self.payment_order.order_id

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


_HELD = text("held_until IS NOT NULL")


class Attempt(Machine, Model):
    """One try. Committed before the gateway hears of it; `idempotency_key` derives from this row and never changes.

    `instrument` is the gateway's alias of a newly entered card or null where `method_id` names a saved one; never a
    card number. `request` is the frozen request, so that a retry is equal byte for byte. `advice` is what the processor
    says of a decline beside its code; it outranks our own table. `held_until`: an authorization is open until then.
    `called_at`: when it was about to be sent a second time under its key. `fallback_of_id`: the try that reached nobody
    and whose place it took, at another gateway.
    """

    __tablename__ = "attempt"
    __lock_rank__ = 4
    __table_args__ = (
        Index(
            "uq_attempt_open",
            "payment_order_id",
            unique=True,
            sqlite_where=text("status IN ('started', 'requires_action', 'pending', 'unknown')"),
            postgresql_where=text("status IN ('started', 'requires_action', 'pending', 'unknown')"),
        ),
        Index("ix_attempt_created_at", "created_at"),
        Index(
            "ix_attempt_ask",
            "ask_at",
            sqlite_where=text("ask_at IS NOT NULL"),
            postgresql_where=text("ask_at IS NOT NULL"),
        ),
        Index("ix_attempt_held", "held_until", sqlite_where=_HELD, postgresql_where=_HELD),
    )
    EDGES: ClassVar = attempt_states.EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    payment_order_id: Mapped[int] = mapped_column(ForeignKey("payment_order.id"), index=True)
    intent_id: Mapped[int] = mapped_column(ForeignKey("payment_intent.id"), index=True)
    status: Mapped[AttemptStatus] = mapped_column(enum(AttemptStatus), default=AttemptStatus.STARTED)
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    route_id: Mapped[int | None] = mapped_column(ForeignKey("route.id"))
    fallback_of_id: Mapped[int | None] = mapped_column(ForeignKey("attempt.id"), index=True, unique=True)
    method_id: Mapped[int | None] = mapped_column(ForeignKey("payment_method.id"))
    instrument: Mapped[str | None] = mapped_column(String(200))
    token: Mapped[str | None] = mapped_column(String(100))
    customer_ref: Mapped[str | None] = mapped_column(String(100))
    card_label: Mapped[str] = mapped_column(String(60), default="")
    save_method: Mapped[bool] = mapped_column(default=False)
    consent_text: Mapped[str | None]
    receipt_email: Mapped[str | None] = mapped_column(String(254))
    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True)
    request: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    provider_id: Mapped[str | None] = mapped_column(String(100), index=True)
    next_action: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    decline_code: Mapped[str | None] = mapped_column(String(60))
    advice: Mapped[str | None] = mapped_column(String(60))
    decline_class: Mapped[str | None] = mapped_column(String(30))
    error: Mapped[str | None] = mapped_column(String(500))
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_name: Mapped[str] = mapped_column(String(200))
    actor_user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    called_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ask_at: Mapped[datetime | None]
    asked: Mapped[int] = mapped_column(default=0)
    held_until: Mapped[datetime | None]
    lapse_told_at: Mapped[datetime | None]

    payment_order: Mapped[PaymentOrder] = relationship()
    intent: Mapped[PaymentIntent] = relationship()

    @property
    def history_order_id(self) -> int | None:
        return self.payment_order.order_id

    @property
    def actor(self) -> Actor:
        """Who started it, as history names them."""
        return Actor(ActorKind(self.actor_kind), self.actor_name, self.actor_user_id)

    @property
    def is_open(self) -> bool:
        return self.status in attempt_states.OPEN

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class TransactionAction(StrEnum):
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    CHARGE = "charge"
    VOID = "void"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"


_FOLLOWS = text("parent_id IS NOT NULL")


class Transaction(Model):
    """Evidence of what a gateway did. Append-only; nobody can type one in.

    `parent_id`: the authorization of a capture or void, the capture of a refund, the refund that came back of a
    refund failure.
    """

    __tablename__ = "transaction"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("gateway_id", "provider_id", "action"),
        CheckConstraint("amount > 0", name="amount_positive"),
        Index("ix_transaction_at", "at"),
        Index("ix_transaction_parent_id", "parent_id", sqlite_where=_FOLLOWS, postgresql_where=_FOLLOWS),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    payment_order_id: Mapped[int] = mapped_column(ForeignKey("payment_order.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempt.id"), index=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("transaction.id"))
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    action: Mapped[TransactionAction] = mapped_column(enum(TransactionAction))
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    provider_id: Mapped[str] = mapped_column(String(100))
    idempotency_key: Mapped[str] = mapped_column(String(64))
    reference: Mapped[str] = mapped_column(String(100), default="")
    raw_sha256: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(default=clock.now)


_UNDONE = text("done_at IS NULL")


class PostProcessing(Recorded, Model):
    """What must still follow a capture, or a receipt of offline money. `step` names the one that failed; money evidence
    is already safe."""

    __tablename__ = "post_processing"
    __table_args__ = (
        CheckConstraint("(transaction_id IS NULL) <> (receipt_id IS NULL)", name="follows_one"),
        Index("ix_post_processing_undone", "id", sqlite_where=_UNDONE, postgresql_where=_UNDONE),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey("transaction.id"), unique=True)
    receipt_id: Mapped[int | None] = mapped_column(
        ForeignKey("receipt.id", use_alter=True, name="fk_post_processing_receipt_id"), unique=True
    )
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"), index=True)
    done_at: Mapped[datetime | None]
    step: Mapped[str | None] = mapped_column(String(60))
    error: Mapped[str | None] = mapped_column(String(500))
    tries: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now)
