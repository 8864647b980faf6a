"""Asking a customer for a card: the mailed link, and each try to save one behind it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from ..states import attempt as attempt_states
from ..states import method_request as request_states
from ..states.attempt import AttemptStatus
from ..states.method_request import RequestStatus
from .account import Account, Contact
from .machine import Machine
from .method import Route

OPEN = "status IN ('started', 'requires_action', 'pending', 'unknown')"


class MethodRequest(Machine, Model):
    """One request for a card, at most one live per contact. Its link is a signature over `public_id` and `generation`;
    `route_id` says where the card is to be usable."""

    __tablename__ = "method_request"
    __table_args__ = (
        Index(
            "uq_method_request_live",
            "account_id",
            "contact_id",
            unique=True,
            sqlite_where=text("status = 'live'"),
            postgresql_where=text("status = 'live'"),
        ),
    )
    EDGES: ClassVar = request_states.EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    generation: Mapped[int] = mapped_column(default=1)
    status: Mapped[RequestStatus] = mapped_column(enum(RequestStatus), default=RequestStatus.LIVE)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"))
    route_id: Mapped[int] = mapped_column(ForeignKey("route.id"))
    method_id: Mapped[int | None] = mapped_column(ForeignKey("payment_method.id"))
    attempt_limit: Mapped[int] = mapped_column(default=5)
    expires_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    account: Mapped[Account] = relationship()
    contact: Mapped[Contact] = relationship()
    route: Mapped[Route] = relationship()


class MethodSetup(Machine, Model):
    """One try to save a card, by the protocol of attempts: committed before the gateway hears of it, under a key of its
    own that never changes. `instrument` is the gateway's alias of the card, `request` the frozen request."""

    __tablename__ = "method_setup"
    __table_args__ = (
        Index("uq_method_setup_open", "request_id", unique=True, sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
        Index(
            "ix_method_setup_ask",
            "ask_at",
            sqlite_where=text("ask_at IS NOT NULL"),
            postgresql_where=text("ask_at IS NOT NULL"),
        ),
    )
    EDGES: ClassVar = attempt_states.EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("method_request.id"), index=True)
    status: Mapped[AttemptStatus] = mapped_column(enum(AttemptStatus), default=AttemptStatus.STARTED)
    gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True)
    request: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    provider_id: Mapped[str | None] = mapped_column(String(100))
    next_action: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    card_label: Mapped[str] = mapped_column(String(60), default="")
    holder: Mapped[str] = mapped_column(String(200))
    consent_text: Mapped[str]
    decline_code: Mapped[str | None] = mapped_column(String(60))
    advice: Mapped[str | None] = mapped_column(String(60))
    error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]
    ask_at: Mapped[datetime | None]
    asked: Mapped[int] = mapped_column(default=0)

    asked_for: Mapped[MethodRequest] = relationship()

    @property
    def is_open(self) -> bool:
        return self.status in attempt_states.OPEN
