"""The order's documents: which there are of each kind and subject, and whether they are rendered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for
from sqlalchemy import Row, bindparam, select

from ...db import read_columns
from ...models import Document

MOST_DOCUMENTS = 60

WHOLE: Any = (
    select(
        Document.id,
        Document.kind,
        Document.subject_id,
        Document.filename,
        Document.size,
        Document.pages,
        Document.rendered_at,
        Document.error,
    )
    .order_by(Document.id.desc())
    .limit(MOST_DOCUMENTS)
)
DOCUMENTS: Any = WHOLE.where(Document.order_id == bindparam("order_id"))


def rows(order_id: int) -> Sequence[Row[Any]]:
    """The order's documents, newest first; one statement."""
    return read_columns(DOCUMENTS, order_id=order_id).all()


def newest(found: Sequence[Row[Any]], kind: str, subject_id: int | None = None) -> Row[Any] | None:
    """The newest document of `kind`, of that subject if one is named."""
    return next((d for d in found if d.kind == kind and subject_id in (None, d.subject_id)), None)


def url(document: Row[Any] | None, *, download: bool = False) -> str | None:
    """Where the rendered document is read, or fetched as a file."""
    if document is None or document.rendered_at is None:
        return None
    where = {"document_id": document.id, "filename": document.filename}
    return url_for("documents.show", **where, save="" if download else None)
