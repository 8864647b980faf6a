"""Evidence packs as pages show them: being built, or there to be saved. Scoped through their order, and
through the agreement whose period they are about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import url_for
from sqlalchemy import Row, or_, select

from ..db import db
from ..errors import NotFound
from ..models import Dispute, EvidencePack, PaymentAgreement, PaymentOrder, SalesOrder, User
from ..values import Value
from .orders.views import Link
from .scope import visible


class FileLine(Value):
    name: str
    what: str
    size: int
    sha256: str


class PackView(Value):
    """`download` is None while a worker is at it."""

    url: str
    filename: str
    about: Link
    order: Link
    asked_by: str
    asked_at: datetime
    download: str | None
    size: int | None
    sha256: str | None
    files: tuple[FileLine, ...]


COLUMNS = (
    EvidencePack.public_id,
    EvidencePack.filename,
    EvidencePack.asked_by,
    EvidencePack.created_at,
    EvidencePack.built_at,
    EvidencePack.size,
    EvidencePack.sha256,
    EvidencePack.listing,
    SalesOrder.number.label("order"),
    PaymentOrder.number.label("payment_order"),
    Dispute.number.label("dispute"),
)


def _query(reader: User) -> Any:
    return (
        select(*COLUMNS)
        .join(SalesOrder, SalesOrder.id == EvidencePack.order_id)
        .outerjoin(PaymentOrder, PaymentOrder.id == EvidencePack.payment_order_id)
        .outerjoin(Dispute, Dispute.id == EvidencePack.dispute_id)
        .outerjoin(PaymentAgreement, PaymentAgreement.id == PaymentOrder.agreement_id)
        .where(_seen_by(reader))
    )


def _seen_by(reader: User) -> Any:
    """Its order, and of a pack about a period the agreement as well."""
    of_agreement = or_(PaymentAgreement.id.is_(None), visible(reader, PaymentAgreement.owner_id))
    return visible(reader, SalesOrder.owner_id) & of_agreement


def load(public_id: str, reader: User) -> PackView:
    """Raises NotFound, for foreign ones too."""
    row = db.session.execute(_query(reader).where(EvidencePack.public_id == public_id)).one_or_none()
    if row is None:
        raise NotFound(f"evidence pack {public_id}")
    return _view(row)


def of_dispute(dispute_id: int, reader: User) -> PackView | None:
    """The newest one."""
    newest = _query(reader).where(EvidencePack.dispute_id == dispute_id).order_by(EvidencePack.id.desc()).limit(1)
    row = db.session.execute(newest).one_or_none()
    return _view(row) if row else None


def body(public_id: str, filename: str, reader: User) -> bytes:
    """Raises NotFound until it is built."""
    query = _query(reader).with_only_columns(EvidencePack.body)
    found: bytes | None = db.session.scalar(
        query.where(EvidencePack.public_id == public_id, EvidencePack.filename == filename)
    )
    if found is None:
        raise NotFound(f"evidence pack {public_id}")
    return found


def _view(row: Row[Any]) -> PackView:
    where = {"pack": row.public_id}
    save = url_for("evidence_packs.save", **where, filename=row.filename) if row.built_at else None
    return PackView(
        url=url_for("evidence_packs.show", **where),
        filename=row.filename,
        about=_about(row),
        order=Link(row.order, url_for("orders.show", number=row.order)),
        asked_by=row.asked_by,
        asked_at=row.created_at,
        download=save,
        size=row.size,
        sha256=row.sha256,
        files=tuple(FileLine(**x) for x in row.listing),
    )


def _about(row: Row[Any]) -> Link:
    if row.dispute is not None:
        return Link(row.dispute, url_for("disputes.show", number=row.dispute))
    if row.payment_order is not None:
        return Link(row.payment_order, url_for("payments.show", number=row.payment_order))
    return Link(row.order, url_for("orders.show", number=row.order))
