"""Notes and files that the customer may see by now, and the bytes of one of the files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from ...db import db
from ...models import Approval, Note, OrderFile, User
from ...models.frozen import Shared, SharedFile, SharedNote
from ...values import Value
from ..nested import json_rows

# Parts of a statement about an approval, so that they cost no statement of their own.
NOTES = (
    select(json_rows(id=Note.id, author=User.name, written_at=Note.created_at, body=Note.body))
    .join(User, User.id == Note.author_id)
    .where(Note.order_id == Approval.order_id, Note.visible)
    .correlate(Approval)
    .scalar_subquery()
)
FILES = (
    select(json_rows(id=OrderFile.id, filename=OrderFile.filename, size=OrderFile.size, sha256=OrderFile.sha256))
    .where(OrderFile.order_id == Approval.order_id, OrderFile.visible)
    .correlate(Approval)
    .scalar_subquery()
)


class FileBody(Value):
    filename: str
    content_type: str
    body: bytes


def read(notes: Sequence[dict[str, Any]], files: Sequence[dict[str, Any]]) -> Shared:
    """From what NOTES and FILES found."""
    found = (SharedNote(**note | {"written_at": _instant(note["written_at"])}) for note in notes)
    return Shared(
        notes=tuple(sorted(found, key=lambda note: note.id)),
        files=tuple(sorted((SharedFile(**file) for file in files), key=lambda file: file.id)),
    )


def _instant(text: str) -> datetime:
    """As either database writes one into JSON: SQLite without its zone, which is UTC."""
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def body(order_id: int, file_id: int) -> FileBody | None:
    """The file, if it belongs to this order and is marked for its customer."""
    row = db.session.execute(
        select(OrderFile.filename, OrderFile.content_type, OrderFile.body).where(
            OrderFile.id == file_id, OrderFile.order_id == order_id, OrderFile.visible
        )
    ).one_or_none()
    return FileBody(*row) if row else None
