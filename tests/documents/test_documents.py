"""Documents: one row a content, the same bytes for the same content, tagged, with nothing that was not frozen."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import func, select

from app import documents
from app.commands.payments import collection
from app.commands.payments.charges import Instrument
from app.commands.post import papers
from app.db import db, transaction
from app.documents import rendering
from app.models import Document, SalesOrder
from tests import factories


def rendered(document: Document) -> PdfReader:
    rendering.render(document.id)
    db.session.expire_all()
    body = db.session.scalar(select(Document.body).where(Document.id == document.id))
    assert body is not None
    return PdfReader(io.BytesIO(body))


def text_of(pdf: PdfReader) -> str:
    return "\n".join(page.extract_text() for page in pdf.pages)


def preview(order: SalesOrder) -> Document:
    with transaction() as session:
        document = papers.preview(session.get_one(SalesOrder, order.id))
    assert document is not None
    return document


def test_the_order_prints_every_line_and_the_total(app: Flask) -> None:
    lines = [factories.line(n, description=f"Terminal number {n}") for n in range(1, 41)]
    pdf = rendered(preview(factories.order(lines=lines)))
    words = text_of(pdf)
    assert all(f"Terminal number {n}" in words for n in range(1, 41))
    assert "€4,760.00" in words
    assert len(pdf.pages) > 1
    assert f"Page {len(pdf.pages)} of {len(pdf.pages)}" in words


def test_it_is_tagged_for_accessibility_and_titled(app: Flask) -> None:
    order = factories.order()
    pdf = rendered(preview(order))
    assert pdf.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert pdf.metadata is not None
    assert pdf.metadata.title == f"Order {order.number}"


def test_the_same_content_is_one_row_and_the_same_bytes(app: Flask) -> None:
    order = factories.order()
    first = preview(order)
    assert preview(order).id == first.id
    html = rendering.page("order", db.session.get_one(Document, first.id).data)
    db.session.rollback()
    assert rendering.to_pdf(html, b"x" * 16) == rendering.to_pdf(html, b"x" * 16)


def test_other_content_is_another_document(app: Flask) -> None:
    order = factories.order()
    first = preview(order)
    with transaction() as session:
        session.get_one(SalesOrder, order.id).lines[0].quantity = Decimal(7)
    assert preview(order).id != first.id


def test_a_payment_leaves_an_invoice_and_a_receipt_to_read(app: Flask) -> None:
    seller = factories.user(factories.Role.SALES_MANAGER)
    order = factories.order(owner=seller)
    first = collection.prepare_first(order.id, by=seller)
    collection.collect(first.id, pay_with=Instrument(alias="sbx_card_visa_1231"), form_key="k", by=seller)
    by_kind = {d.kind: d for d in db.session.scalars(select(Document))}
    invoice = text_of(rendered(by_kind["invoice"]))
    assert "INV-00001" in invoice
    assert "Paid in full" in invoice
    assert "€410.55" in invoice
    receipt = text_of(rendered(by_kind["receipt"]))
    assert "R-00001" in receipt
    assert "Visa ending 4242" in receipt


def test_amounts_in_yen_have_no_decimals(app: Flask) -> None:
    customer = factories.account(currency="JPY")
    order = factories.order(customer=customer, lines=[factories.line(unit_price=Decimal(1200))])
    assert "¥1,428" in text_of(rendered(preview(order)))


def test_documents_load_nothing_from_outside(app: Flask) -> None:
    with pytest.raises(BaseException, match="nothing from outside"):
        rendering.to_pdf('<html lang="en"><title>x</title><img src="http://127.0.0.1:9/x.png" alt="">', b"x" * 16)


def test_an_unknown_kind_is_refused(app: Flask) -> None:
    with transaction(), pytest.raises(ValueError, match="unknown kind"):
        documents.request("poem", 1, {}, filename="x.pdf")
    assert db.session.scalar(select(func.count(Document.id))) == 0
