"""Documents as files: whose they are, who may read which kind, and how they leave the house."""

from __future__ import annotations

import pytest
from flask import Flask

from app import documents
from app.access import Role
from app.db import db, transaction
from app.documents import KINDS
from app.models import Document, SalesOrder
from app.queries.papers import NEEDS
from tests import factories
from tests.conftest import Client


def paper(order: SalesOrder, kind: str = "invoice") -> str:
    """The address of a rendered document."""
    with transaction():
        row = documents.request(kind, order.id, {"n": 1}, filename="INV-1.pdf", order_id=order.id)
        row.body, row.rendered_at = b"%PDF-1.7", factories.clock.now()
    return f"/documents/{row.id}/{row.filename}"


def test_it_is_shown_in_our_own_frames_only_and_saved_on_request(app: Flask, client: Client) -> None:
    dana = factories.user(Role.SALESPERSON)
    address = paper(factories.order(owner=dana))
    client.sign_in(dana)
    shown = client.get(address)
    assert shown.data == b"%PDF-1.7"
    assert shown.mimetype == "application/pdf"
    assert "frame-ancestors 'self'" in shown.headers["Content-Security-Policy"]
    assert shown.headers["Content-Disposition"] == 'inline; filename="INV-1.pdf"'
    assert client.get(f"{address}?save").headers["Content-Disposition"] == 'attachment; filename="INV-1.pdf"'


def test_what_is_not_rendered_or_named_otherwise_is_not_there(app: Flask, client: Client) -> None:
    dana = factories.user(Role.SALESPERSON)
    address = paper(factories.order(owner=dana))
    client.sign_in(dana)
    assert client.get(address.replace("INV-1", "INV-2")).status_code == 404
    with transaction() as session:
        session.query(Document).one().body = None
    assert client.get(address).status_code == 404


def test_a_foreign_order_s_paper_is_not_there(app: Flask, client: Client) -> None:
    address = paper(factories.order())
    client.sign_in(factories.user(Role.SALESPERSON))
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_who_may_not_see_money_reads_no_paper_about_it(app: Flask, client: Client, kind: str) -> None:
    address = paper(factories.order(), kind)
    client.sign_in(factories.user(Role.FULFILLMENT_OPERATIONS))
    allowed = kind in ("order", "signed_order")
    assert client.get(address).status_code == (200 if allowed else 404)
    db.session.rollback()


def test_every_kind_says_what_it_needs() -> None:
    assert set(NEEDS) == KINDS
