"""Order mail: the record of each message, from wish to delivery."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..db import BigId, Model, enum
from ..states.mail import EDGES, MailStatus
from .machine import Machine

_FAILED = text("status = 'failed'")


class OrderEmail(Machine, Model):
    """Bodies hold `LINK_PLACEHOLDER` where a link belongs; it is minted at delivery from `link_kind` and
    `link_public_id` and stored nowhere (invariant 22). `recipients` is a list of {address, name, role, reason};
    `attachments` a list of document ids. Unique per (kind, subject, cause): asking twice sends once (invariant 23).

    While `sending`, `lease_until` says how long its deliverer has, and `handing_over` that the mail server may have
    the message already: a crash before that is simply done again, after it the outcome is `ambiguous`.
    """

    __tablename__ = "order_email"
    __table_args__ = (
        UniqueConstraint("kind", "subject_kind", "subject_id", "cause"),
        Index("ix_order_email_order_id_id", "order_id", "id"),
        Index("ix_order_email_failed", "id", sqlite_where=_FAILED, postgresql_where=_FAILED),
    )
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"))
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int] = mapped_column(BigId)
    cause: Mapped[str] = mapped_column(String(80))
    status: Mapped[MailStatus] = mapped_column(enum(MailStatus), default=MailStatus.QUEUED)
    message_id: Mapped[str] = mapped_column(String(200), unique=True)
    sender: Mapped[str] = mapped_column(String(320))
    reply_to: Mapped[str] = mapped_column(String(320), default="")
    recipients: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    subject: Mapped[str] = mapped_column(String(300))
    text: Mapped[str]
    html: Mapped[str]
    link_kind: Mapped[str | None] = mapped_column(String(20))
    link_public_id: Mapped[str | None] = mapped_column(String(32))
    attachments: Mapped[list[int]] = mapped_column(JSON, default=list)
    tries: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    handing_over: Mapped[bool] = mapped_column(default=False)
    last_error: Mapped[str | None] = mapped_column(String(500))
    ambiguous: Mapped[bool] = mapped_column(default=False)
    asked_by: Mapped[str] = mapped_column(String(200))
    resent_from_id: Mapped[int | None] = mapped_column(ForeignKey("order_email.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    sent_at: Mapped[datetime | None]


class MailboxMessage(Model):
    """The demo mailbox: what SMTP would have carried, with the placeholder still in place of the link."""

    __tablename__ = "mailbox_message"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email_id: Mapped[int] = mapped_column(ForeignKey("order_email.id"), unique=True)
    at: Mapped[datetime] = mapped_column(default=clock.now)
