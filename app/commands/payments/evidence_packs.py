"""Evidence packs: asked for on a page, built by a worker, kept as they were built."""

from __future__ import annotations

import hashlib
import io
import secrets
import zipfile
from datetime import timedelta
from typing import Any

from ... import audit, clock, jobs
from ...access import Permission, demand
from ...db import db, end_read, get, lock, transaction
from ...documents import parties, rendering
from ...errors import Refusal
from ...jobs import Later
from ...models import Actor, Dispute, EvidencePack, PaymentOrder, SalesOrder, User
from ...queries import evidence
from ...queries.evidence import Piece, Scope

INDEX = "0-index.pdf"
PATIENCE = timedelta(minutes=5)
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same time for every file, so that equal contents make equal packs."""


def ask(
    order_id: int | None, *, payment_order_id: int | None = None, dispute_id: int | None = None, by: User
) -> EvidencePack:
    """Raises Refusal `not_permitted`, and `no_order` of what no order stands behind."""
    with transaction():
        demand(by, Permission.PAYMENT_VIEW)
        if order_id is None:
            raise Refusal(
                "no_order",
                "A pack is made of what a customer signed, and no order stands behind this agreement.",
                "Its consent is on the agreement's page; receipts and invoice are on the payment order's.",
            )
        order = get(SalesOrder, order_id)
        about = order.number
        if payment_order_id is not None:
            about = get(PaymentOrder, payment_order_id).number
        if dispute_id is not None:
            about = get(Dispute, dispute_id).number
        row = EvidencePack(
            public_id=secrets.token_urlsafe(16),
            order=order,
            payment_order_id=payment_order_id,
            dispute_id=dispute_id,
            filename=f"evidence-{about}.zip",
            asked_by=by.name,
        )
        db.session.add(row)
        db.session.flush()
        audit.note("evidence_pack.ask", about, by=Actor.of(by))
        jobs.stage("evidence_packs.build", pack_id=row.id)
        return row


@jobs.handler("evidence_packs.build", lease=timedelta(minutes=3))
def build(pack_id: int) -> None:
    """Collect, describe and pack; once. Waits a while for papers that are still being made."""
    row = get(EvidencePack, pack_id)
    if row.built_at is not None:
        return
    scope = Scope(row.order_id, row.payment_order_id)
    if evidence.unfinished(scope) and row.created_at > clock.now() - PATIENCE:
        raise Later(timedelta(seconds=2), "its papers are still being made")
    pieces = evidence.pieces(scope)
    listing = [_listed(piece) for piece in pieces]
    content = _index(row, listing)
    html = rendering.page("evidence_index", content)
    identifier = row.public_id.encode()
    end_read()
    index, _pages = rendering.to_pdf(html, identifier)
    body = _zipped([Piece(INDEX, "", index), *pieces])
    with transaction():
        row = lock(EvidencePack, pack_id)
        if row.built_at is None:
            row.listing, row.body, row.size = listing, body, len(body)
            row.sha256, row.built_at = hashlib.sha256(body).hexdigest(), clock.now()


def _listed(piece: Piece) -> dict[str, Any]:
    digest = hashlib.sha256(piece.body).hexdigest()
    return {"name": piece.name, "what": piece.what, "size": len(piece.body), "sha256": digest}


def _index(row: EvidencePack, listing: list[dict[str, Any]]) -> dict[str, Any]:
    about = db.session.get(PaymentOrder, row.payment_order_id) if row.payment_order_id else None
    dispute = db.session.get(Dispute, row.dispute_id) if row.dispute_id else None
    return {
        "seller": parties.seller(),
        "order_number": row.order.number,
        "customer": row.order.account.name,
        "payment_order": about.number if about else "",
        "dispute": dispute.number if dispute else "",
        "reason": dispute.reason if dispute else "",
        "made_at": row.created_at.isoformat(),
        "made_by": row.asked_by,
        "files": listing,
    }


def _zipped(pieces: list[Piece]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack:
        for piece in pieces:
            pack.writestr(zipfile.ZipInfo(piece.name, EPOCH), piece.body, zipfile.ZIP_DEFLATED)
    return out.getvalue()
