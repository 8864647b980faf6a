"""The demo mailbox: mails as their readers would see them, newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from ..db import db
from ..errors import NotFound
from ..mail.kinds import NAMES
from ..models.document import Document
from ..models.mail import MailboxMessage, OrderEmail
from ..values import Value

PAGE = 50


class Row(Value):
    id: int
    at: datetime
    subject: str
    kind: str
    to: str


class Attachment(Value):
    index: int
    filename: str
    size: int


class Message(Value):
    """`text` and `html` still hold the placeholder; `link_kind` and `link_public_id` say what belongs there."""

    id: int
    at: datetime
    subject: str
    sender: str
    reply_to: str
    recipients: list[dict[str, Any]]
    text: str
    html: str
    link_kind: str | None
    link_public_id: str | None
    attachments: tuple[Attachment, ...]


def inbox(before: int | None = None) -> tuple[list[Row], int | None]:
    """One page of messages, and the key of the next page if there is one."""
    columns = (MailboxMessage.id, MailboxMessage.at, OrderEmail.subject, OrderEmail.kind, OrderEmail.recipients)
    statement = select(*columns).join(OrderEmail, OrderEmail.id == MailboxMessage.email_id)
    if before is not None:
        statement = statement.where(MailboxMessage.id < before)
    found = db.session.execute(statement.order_by(MailboxMessage.id.desc()).limit(PAGE + 1)).all()
    rows = [Row(f.id, f.at, f.subject, NAMES[f.kind], _people(f.recipients)) for f in found[:PAGE]]
    return rows, rows[-1].id if len(found) > PAGE else None


def _people(recipients: list[dict[str, Any]]) -> str:
    return ", ".join(r["name"] or r["address"] for r in _named(recipients))


def _named(recipients: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Whoever opens the mail sees these; not those in hidden copy."""
    return [r for r in recipients if r["role"] != "bcc"]


def message(message_id: int) -> Message:
    """Raises NotFound."""
    row = db.session.execute(
        select(MailboxMessage.at, OrderEmail)
        .join(OrderEmail, OrderEmail.id == MailboxMessage.email_id)
        .where(MailboxMessage.id == message_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"message {message_id}")
    email: OrderEmail = row.OrderEmail
    return Message(
        message_id,
        row.at,
        email.subject,
        email.sender,
        email.reply_to,
        _named(email.recipients),
        email.text,
        email.html,
        email.link_kind,
        email.link_public_id,
        _attachments(email.attachments),
    )


def _attachments(ids: list[int]) -> tuple[Attachment, ...]:
    columns = (Document.id, Document.filename, Document.size)
    found = {d.id: d for d in db.session.execute(select(*columns).where(Document.id.in_(ids)))}
    return tuple(Attachment(i, found[id].filename, found[id].size or 0) for i, id in enumerate(ids) if id in found)


def attachment(message_id: int, index: int) -> tuple[str, bytes]:
    """File name and bytes of one attachment. Raises NotFound."""
    ids = db.session.scalars(
        select(OrderEmail.attachments)
        .join(MailboxMessage, MailboxMessage.email_id == OrderEmail.id)
        .where(MailboxMessage.id == message_id)
    ).one_or_none()
    if ids is None or not 0 <= index < len(ids):
        raise NotFound(f"attachment {index} of message {message_id}")
    row = db.session.execute(select(Document.filename, Document.body).where(Document.id == ids[index])).one_or_none()
    if row is None or row.body is None:
        raise NotFound(f"document {ids[index]}")
    return row.filename, row.body
