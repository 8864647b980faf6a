"""The sandbox's memory. In our database for want of another, but written only by its own sessions (`books`)."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...db import BigId, Model, enum
from ..disputes import DisputePhase
from ..movements import Movement
from ..notices import Subject
from ..settlement import ItemKind, PayoutState
from .cards import Fault


class ChargeState(StrEnum):
    """AUTHORIZED holds money and has taken none; such a charge ends captured (SUCCEEDED), VOIDED, or lapses."""

    SUCCEEDED = "succeeded"
    AUTHORIZED = "authorized"
    VOIDED = "voided"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class InstructionState(StrEnum):
    """REFUSED: the sandbox would not even begin, and made nothing of it but this note."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"


class Call(StrEnum):
    """What may be asked of the sandbox; ASK is everything that only looks something up."""

    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    SETUP = "setup"
    ASK = "ask"


class Manner(StrEnum):
    """How an event was posted: as it is, or as nobody should believe it."""

    TRUE = "true"
    FORGED = "forged"
    STALE = "stale"
    WRONG_ACCOUNT = "wrong_account"
    WRONG_MODE = "wrong_mode"


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
    """A saved card. `slug` names the test card; `confirmed` once its holder has confirmed a payment or its saving."""

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
    detached_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class SandboxSetup(Model):
    """A card to be kept, by the key it was asked under."""

    __tablename__ = "sandbox_setup"
    __table_args__ = (UniqueConstraint("gateway", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ref: Mapped[str] = mapped_column(String(40), unique=True)
    gateway: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(64))
    state: Mapped[ChargeState] = mapped_column(enum(ChargeState))
    slug: Mapped[str] = mapped_column(String(40))
    exp_month: Mapped[int]
    exp_year: Mapped[int]
    holder: Mapped[str] = mapped_column(String(200))
    customer_ref: Mapped[str] = mapped_column(ForeignKey("sandbox_customer.ref"))
    token_ref: Mapped[str | None] = mapped_column(String(40))
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSON)
    return_url: Mapped[str]
    in_page: Mapped[bool] = mapped_column(default=False)
    decline_code: Mapped[str | None] = mapped_column(String(60))
    advice: Mapped[str | None] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class SandboxCharge(Model):
    """One charge, by the key it was asked under; `fingerprint` is of the request. `amount` and `captured` are minor
    units; `capture` is what was asked for."""

    __tablename__ = "sandbox_charge"
    __table_args__ = (
        UniqueConstraint("gateway", "key"),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("captured BETWEEN 0 AND amount", name="captured_within"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ref: Mapped[str] = mapped_column(String(40), unique=True)
    gateway: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(64))
    state: Mapped[ChargeState] = mapped_column(enum(ChargeState))
    amount: Mapped[int] = mapped_column(BigId)
    captured: Mapped[int] = mapped_column(BigId, default=0)
    currency: Mapped[str] = mapped_column(String(3))
    capture: Mapped[bool] = mapped_column(default=True)
    authorized_until: Mapped[datetime | None]
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


class SandboxInstruction(Model):
    """A capture, void or refund as it was asked. A refund made in the console has no key and no metadata, as one made
    at a processor by hand. `error_code` is why it failed."""

    __tablename__ = "sandbox_instruction"
    __table_args__ = (
        UniqueConstraint("gateway", "key"),
        CheckConstraint("amount > 0", name="amount_positive"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ref: Mapped[str] = mapped_column(String(40), unique=True)
    gateway: Mapped[str] = mapped_column(String(40))
    key: Mapped[str | None] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    kind: Mapped[Movement] = mapped_column(enum(Movement))
    state: Mapped[InstructionState] = mapped_column(enum(InstructionState))
    charge_ref: Mapped[str] = mapped_column(ForeignKey("sandbox_charge.ref"), index=True)
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(default="")
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSON, default=dict)
    error_code: Mapped[str | None] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class SandboxDispute(Model):
    """`closed_by` is the key of the answer or surrender; `evidence` names what was handed in, never its content.
    `appealed`: it was lost once."""

    __tablename__ = "sandbox_dispute"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ref: Mapped[str] = mapped_column(String(40), unique=True)
    gateway: Mapped[str] = mapped_column(String(40))
    charge_ref: Mapped[str] = mapped_column(ForeignKey("sandbox_charge.ref"), index=True)
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(60))
    phase: Mapped[DisputePhase] = mapped_column(enum(DisputePhase))
    inquiry: Mapped[bool]
    appealed: Mapped[bool] = mapped_column(default=False)
    opened_at: Mapped[datetime] = mapped_column(default=clock.now)
    due_by: Mapped[datetime]
    closed_by: Mapped[str | None] = mapped_column(String(64))
    evidence: Mapped[list[str]] = mapped_column(JSON, default=list)


class SandboxEntry(Model):
    """One entry of a gateway's balance, in minor units; `net` = `gross` − `fee`. What payouts are made of."""

    __tablename__ = "sandbox_entry"
    __append_only__ = True
    __table_args__ = (UniqueConstraint("source_ref", "kind"), CheckConstraint("net = gross - fee", name="net_adds_up"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ref: Mapped[str] = mapped_column(String(40), unique=True)
    gateway: Mapped[str] = mapped_column(String(40))
    kind: Mapped[ItemKind] = mapped_column(enum(ItemKind))
    source_ref: Mapped[str] = mapped_column(String(40))
    charge_ref: Mapped[str | None] = mapped_column(String(40), index=True)
    gross: Mapped[int] = mapped_column(BigId)
    fee: Mapped[int] = mapped_column(BigId)
    net: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime] = mapped_column(default=clock.now)


class SandboxPayout(Model):
    __tablename__ = "sandbox_payout"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ref: Mapped[str] = mapped_column(String(40), unique=True)
    gateway: Mapped[str] = mapped_column(String(40))
    state: Mapped[PayoutState] = mapped_column(enum(PayoutState))
    net: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    arrives_on: Mapped[date]


class SandboxPayoutItem(Model):
    """Which payout an entry went out with; each goes out once."""

    __tablename__ = "sandbox_payout_item"
    __table_args__ = (UniqueConstraint("entry_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    payout_ref: Mapped[str] = mapped_column(ForeignKey("sandbox_payout.ref"), index=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("sandbox_entry.id"))


class SandboxEvent(Model):
    """What a gateway has to tell us, in the order in which it happened. `payload` is what is sent, byte by byte; no
    `send_after`: it is not sent by itself any more, because it was taken or given up."""

    __tablename__ = "sandbox_event"
    __table_args__ = (
        Index("ix_sandbox_event_gateway_id", "gateway", "id"),
        Index("ix_sandbox_event_due", "send_after"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ref: Mapped[str] = mapped_column(String(40), unique=True)
    gateway: Mapped[str] = mapped_column(String(40))
    type: Mapped[str] = mapped_column(String(60))
    subject: Mapped[Subject] = mapped_column(enum(Subject))
    subject_ref: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    send_after: Mapped[datetime | None] = mapped_column(default=clock.now)
    taken_at: Mapped[datetime | None]


class SandboxDelivery(Model):
    """One time that an event was posted, or something that only looks like it; `status` None: nobody answered."""

    __tablename__ = "sandbox_delivery"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("sandbox_event.id"), index=True)
    manner: Mapped[Manner] = mapped_column(enum(Manner))
    status: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(default=clock.now)


class SandboxSwitch(Model):
    """What was switched by hand: a gateway that cannot be reached at all, or that keeps its events to itself."""

    __tablename__ = "sandbox_switch"

    gateway: Mapped[str] = mapped_column(String(40), primary_key=True)
    down_since: Mapped[datetime | None]
    silent_since: Mapped[datetime | None]


class SandboxScript(Model):
    """What shall happen to a coming call of one kind, in place of what its card says; taken in order, each by one key.

    A card's own fault leaves a row here too once it has struck, so that it does not strike the same key again.
    """

    __tablename__ = "sandbox_script"
    __table_args__ = (UniqueConstraint("gateway", "call", "taken_by"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gateway: Mapped[str] = mapped_column(String(40))
    call: Mapped[Call] = mapped_column(enum(Call))
    state: Mapped[ChargeState | None] = mapped_column(enum(ChargeState))
    decline_code: Mapped[str | None] = mapped_column(String(60))
    advice: Mapped[str | None] = mapped_column(String(60))
    fault: Mapped[Fault | None] = mapped_column(enum(Fault))
    seconds: Mapped[int] = mapped_column(default=0)
    taken_by: Mapped[str | None] = mapped_column(String(64))
    armed_at: Mapped[datetime] = mapped_column(default=clock.now)
