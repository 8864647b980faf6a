"""Which kinds of documents a person may read: what is on a paper is no more public than the page it tells of. And
whether the paper of a page that prints itself on request still says what the page says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, case, func, select

from .. import documents
from ..access import Permission, why_not
from ..db import db, read_columns
from ..errors import NotFound
from ..models import (
    CreditNote,
    Document,
    PaymentAgreement,
    PaymentOrder,
    Receipt,
    SalesOrder,
    ScheduledPayment,
    User,
)
from ..values import Value
from .scope import visible

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


def _owner(*joins: tuple[Any, Any], about: Any) -> Any:
    """Of the agreement behind what a document is about."""
    query: Any = select(PaymentAgreement.owner_id)
    for target, on in joins:
        query = query.join(target, on)
    return query.where(about == Document.subject_id).correlate(Document).scalar_subquery()


_ASKED = (PaymentOrder, PaymentOrder.agreement_id == PaymentAgreement.id)
_BILLED = (ScheduledPayment, ScheduledPayment.agreement_id == PaymentAgreement.id)
_PERIOD: Any = case(
    (Document.kind == "payment_order", _owner(_ASKED, about=PaymentOrder.id)),
    (Document.kind == "invoice", _owner(_BILLED, about=ScheduledPayment.invoice_id)),
    (
        Document.kind == "credit_note",
        _owner(_BILLED, (CreditNote, CreditNote.invoice_id == ScheduledPayment.invoice_id), about=CreditNote.id),
    ),
    (
        Document.kind == "receipt",
        func.coalesce(
            _owner(_ASKED, (Receipt, Receipt.payment_order_id == PaymentOrder.id), about=Receipt.id),
            _owner(_BILLED, (Receipt, Receipt.invoice_id == ScheduledPayment.invoice_id), about=Receipt.id),
        ),
    ),
)
_OWNER: Any = case(
    (Document.kind == "agreement", _owner(about=PaymentAgreement.id)),
    else_=func.coalesce(SalesOrder.owner_id, _PERIOD),
)
"""Whose a document is: the order's owner's; an agreement, and what asks for its periods, is its own owner's."""


class Paper(Value):
    """The PDF of a page; `current` while it still says what the page says."""

    state: Literal["none", "rendering", "ready", "failed"]
    filename: str
    id: int | None = None
    current: bool = False
    made_at: datetime | None = None


def kinds_for(reader: User) -> frozenset[str]:
    return frozenset(kind for kind, permission in NEEDS.items() if why_not(reader, permission) is None)


def seen_by(reader: User) -> ColumnElement[bool]:
    """Of documents joined with their orders: those of a kind that `reader` may read, about what is theirs to see."""
    return visible(reader, _OWNER) & Document.kind.in_(kinds_for(reader))


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
