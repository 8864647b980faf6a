"""The PDFs that a customer may open with their link: the order as mailed, as signed, receipt and invoice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import and_, bindparam, or_, select

from ...db import db, read_columns
from ...models import Document
from ...values import Value


class Paper(Value):
    """`pages` is None until a worker has rendered it."""

    id: int
    kind: str
    filename: str
    pages: int | None

    @property
    def ready(self) -> bool:
        return self.pages is not None


Papers = Mapping[str, Paper]

SUBJECTS = ("signed_order", "receipt", "invoice")
WANTED = (
    select(Document.id, Document.kind, Document.filename, Document.pages)
    .where(
        or_(
            Document.id.in_(bindparam("ids", expanding=True)),
            *(and_(Document.kind == kind, Document.subject_id == bindparam(kind)) for kind in SUBJECTS),
        )
    )
    .order_by(Document.id)
)


def of(
    *,
    ids: Sequence[int] = (),
    signed_order: int | None = None,
    receipt: int | None = None,
    invoice: int | None = None,
) -> Papers:
    """By kind, the newest of each: documents named by id, and those of the subjects given. One statement."""
    wanted = {"ids": ids, "signed_order": signed_order, "receipt": receipt, "invoice": invoice}
    found = read_columns(WANTED, **wanted) if any(wanted.values()) else ()
    return {row.kind: Paper(row.id, row.kind, row.filename, row.pages) for row in found}


def body(paper: Paper) -> bytes | None:
    return db.session.scalar(select(Document.body).where(Document.id == paper.id))
