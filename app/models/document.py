"""Rendered PDFs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, deferred, mapped_column

from .. import clock
from ..db import BigId, Model


class Document(Model):
    """One document of one content: `content_hash` covers kind, data and template, so equal content is rendered once.

    `data` is the frozen content that the template prints. `body` stays null until a worker has rendered it.
    """

    __tablename__ = "document"
    __table_args__ = (Index("ix_document_subject", "kind", "subject_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int] = mapped_column(BigId)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"), index=True)
    content_hash: Mapped[str] = mapped_column(String(64), unique=True)
    filename: Mapped[str] = mapped_column(String(120))
    data: Mapped[dict[str, Any]] = deferred(mapped_column(JSON))
    body: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    size: Mapped[int | None]
    pages: Mapped[int | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    rendered_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
