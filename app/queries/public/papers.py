"""The PDFs that a customer may open with their link: the order as mailed, as signed, receipt and invoice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, or_, select

from ...db import db
from ...models import Document


@dataclass(frozen=True, slots=True)
class Paper:
    """`pages` is None until a worker has rendered it."""

    id: int
    kind: str
    filename: str
    pages: int | None

    @property
    def ready(self) -> bool:
        return self.pages is not None


Papers = Mapping[str, Paper]


def of(
    *,
    ids: Sequence[int] = (),
    signed_order: int | None = None,
    receipt: int | None = None,
    invoice: int | None = None,
) -> Papers:
    """By kind, the newest of each: documents named by id, and those of the subjects given. One statement."""
    subjects = {"signed_order": signed_order, "receipt": receipt, "invoice": invoice}
    wanted = [and_(Document.kind == kind, Document.subject_id == id) for kind, id in subjects.items() if id]
    if ids:
        wanted.append(Document.id.in_(ids))
    if not wanted:
        return {}
    rows = db.session.execute(
        select(Document.id, Document.kind, Document.filename, Document.pages).where(or_(*wanted)).order_by(Document.id)
    )
    return {row.kind: Paper(row.id, row.kind, row.filename, row.pages) for row in rows}


def body(paper: Paper) -> bytes | None:
    return db.session.scalar(select(Document.body).where(Document.id == paper.id))
