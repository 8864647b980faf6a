"""Which kinds of documents a person may read: what is on a paper is no more public than the page it tells of. And
whether the paper of a page that prints itself on request still says what the page says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select

from .. import documents
from ..access import Permission, why_not
from ..db import db, read_columns
from ..errors import NotFound
from ..models import Document, User
from ..values import Value

NEEDS: dict[str, Permission] = {
    "quote": Permission.QUOTE_VIEW,
    "agreement": Permission.AGREEMENT_VIEW,
    "order": Permission.ORDER_VIEW,
    "signed_order": Permission.ORDER_VIEW,
    "payment_order": Permission.PAYMENT_VIEW,
    "invoice": Permission.INVOICE_VIEW,
    "credit_note": Permission.INVOICE_VIEW,
    "statement": Permission.RECEIVABLES_VIEW,
    "receipt": Permission.PAYMENT_VIEW,
}
MOST = 20


class Paper(Value):
    """The PDF of a page; `current` while it still says what the page says."""

    state: Literal["none", "rendering", "ready", "failed"]
    filename: str
    id: int | None = None
    current: bool = False
    made_at: datetime | None = None


def kinds_for(reader: User) -> frozenset[str]:
    return frozenset(kind for kind, permission in NEEDS.items() if why_not(reader, permission) is None)


def of_page(kind: str, subject_id: int, filename: str, content: Callable[[], dict[str, Any]]) -> Paper:
    """The paper of exactly `content`, else the newest there is. One statement, and `content` is asked for only where
    there is one."""
    D = Document
    query: Any = (
        select(D.id, D.content_hash, D.rendered_at, D.error, D.created_at)
        .where(D.kind == kind, D.subject_id == subject_id, D.filename == filename)
        .order_by(D.id.desc())
        .limit(MOST)
    )
    found = read_columns(query).all()
    if not found:
        return Paper("none", filename)
    key = documents.content_hash(kind, subject_id, content())
    row = next((x for x in found if x.content_hash == key), found[0])
    state = "ready" if row.rendered_at else "failed" if row.error else "rendering"
    return Paper(state, filename, row.id, row.content_hash == key, row.created_at)  # type: ignore[arg-type]


def body(paper: Paper) -> bytes:
    """Raises NotFound while it is not rendered."""
    found = db.session.scalar(select(Document.body).where(Document.id == paper.id))
    if found is None:
        raise NotFound(f"document {paper.id}")
    return found
