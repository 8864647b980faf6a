"""Documents: a row with the frozen content first, its PDF rendered from that by a worker, once per content.

    with transaction():
        document = documents.request("invoice", invoice.id, content, filename="INV-00007.pdf", order_id=order.id)

Web processes never import WeasyPrint; only `rendering` does, inside the function that a worker runs.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select

from .. import jobs
from ..ahead import is_numbered_ahead
from ..db import db, insert_new
from ..models import Document

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "documents"
SHEET = Path(__file__).resolve().parent / "paper.css"
KINDS = frozenset(
    {
        "quote",
        "order",
        "signed_order",
        "agreement",
        "payment_order",
        "invoice",
        "credit_note",
        "receipt",
        "statement",
    }
)


def request(
    kind: str, subject_id: int, content: dict[str, Any], *, filename: str, order_id: int | None = None
) -> Document:
    """The document of exactly this content, rendered soon if it is not yet. Inside a transaction.

    `content` is plain JSON without floats; what is not in it is not on the paper.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of document: {kind}")
    key = content_hash(kind, subject_id, content)
    known = select(Document).where(Document.content_hash == key)
    # Where many are written together none of them is there yet, and a look would write out those before it.
    found = None if is_numbered_ahead(Document) else db.session.scalars(known).one_or_none()
    if found is not None:
        return found
    facts = {"kind": kind, "subject_id": subject_id, "order_id": order_id, "filename": filename, "data": content}
    document = insert_new(Document, content_hash=key, **facts)
    if document is not None:
        jobs.stage("documents.render", key=f"documents.render:{document.id}", document_id=document.id)
        return document
    return db.session.scalars(known).one()


def content_hash(kind: str, subject_id: int, content: dict[str, Any]) -> str:
    """SHA-256 over kind, subject, content and how it is printed: a changed template makes a new paper, never a changed
    one."""
    text = json.dumps([kind, subject_id, _templates_hash(), content], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _templates_hash() -> str:
    digest = hashlib.sha256()
    for path in [*sorted(TEMPLATES.iterdir()), SHEET]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
