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

_AMISS = text("status IN ('failed', 'bounced', 'complained')")
_ON_ITS_WAY = text("status IN ('queued', 'sending')")
_LINKED = text("link_public_id IS NOT NULL")
_IN_FORCE = text("lifted_at IS NULL")


class OrderEmail(Machine, Model):
    """Bodies hold `LINK_PLACEHOLDER` where a link belongs; it is minted at delivery from `link_kind` and
    `link_public_id` and stored nowhere (invariant 22). `recipients` is a list of {address, name, role, reason}, where
    `refused` says why the server did not take one; `attachments` a list of document ids, and `carried` what of them
    went out, {filename, size, sha256}. `edition` is that of Order Email Settings which worded it, 0 for our own words.
    Unique per (kind, subject, cause): asking twice sends once (invariant 23).

    While `sending`, `lease_until` says how long its deliverer has, and `handing_over` that the mail server may have
    the message already: a crash before that is simply done again, after it the outcome is `ambiguous`.
    """

    __tablename__ = "order_email"
    __table_args__ = (
        UniqueConstraint("kind", "subject_kind", "subject_id", "cause"),
        Index("ix_order_email_order_id_id", "order_id", "id"),
        Index("ix_order_email_subject", "subject_kind", "subject_id"),
        Index("ix_order_email_link", "link_public_id", sqlite_where=_LINKED, postgresql_where=_LINKED),
        Index("ix_order_email_agreement_id_id", "agreement_id", "id"),
        Index("ix_order_email_amiss", "id", sqlite_where=_AMISS, postgresql_where=_AMISS),
        Index("ix_order_email_on_its_way", "id", sqlite_where=_ON_ITS_WAY, postgresql_where=_ON_ITS_WAY),
    )
    EDGES: ClassVar = EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"))
    agreement_id: Mapped[int | None] = mapped_column(ForeignKey("payment_agreement.id"))
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
    carried: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    edition: Mapped[int] = mapped_column(default=0)
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


class MailEdition(Model):
    """One edition of what Order Email Settings say about a kind of mail; the newest is in force. Empty texts and a rule
    of None are the house's own."""

    __tablename__ = "mail_edition"
    __append_only__ = True
    __table_args__ = (UniqueConstraint("kind", "edition"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    edition: Mapped[int]
    is_on: Mapped[bool]
    sender: Mapped[str] = mapped_column(String(320))
    reply_to: Mapped[str] = mapped_column(String(320))
    rule: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    subject: Mapped[str] = mapped_column(String(300))
    body: Mapped[str]
    made_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    made_by: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(default=clock.now)


class MailReport(Model):
    """What the mail service told about a mail that had left; each told once, by the service's own id."""

    __tablename__ = "mail_report"
    __append_only__ = True

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    reference: Mapped[str] = mapped_column(String(100), unique=True)
    type: Mapped[str] = mapped_column(String(20))
    message_id: Mapped[str] = mapped_column(String(200))
    email_id: Mapped[int | None] = mapped_column(ForeignKey("order_email.id"), index=True)
    address: Mapped[str] = mapped_column(String(320))
    words: Mapped[str] = mapped_column(String(500))
    permanent: Mapped[bool]
    told_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(default=clock.now)


class SuppressedAddress(Model):
    """An address that nothing is sent to, until somebody lifts it; at most one in force for each `address`, which is
    in lower case."""

    __tablename__ = "suppressed_address"
    __table_args__ = (
        Index(
            "uq_suppressed_address_in_force",
            "address",
            unique=True,
            sqlite_where=_IN_FORCE,
            postgresql_where=_IN_FORCE,
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    address: Mapped[str] = mapped_column(String(320))
    cause: Mapped[str] = mapped_column(String(20))
    words: Mapped[str] = mapped_column(String(500))
    email_id: Mapped[int | None] = mapped_column(ForeignKey("order_email.id"))
    since: Mapped[datetime] = mapped_column(default=clock.now)
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str] = mapped_column(String(200), default="")
    lifted_because: Mapped[str] = mapped_column(String(500), default="")
