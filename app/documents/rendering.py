"""From a document's row to its PDF. Runs in worker processes only; WeasyPrint is imported where it is used.

Rendering is a function of the row: the same content gives the same bytes (fixed identifier, no clock inside). A seal is
set over those bytes once; what is sealed is kept, never rendered again.
"""

from __future__ import annotations

import atexit
import hashlib
import os
from base64 import b64encode
from datetime import timedelta
from functools import cache
from typing import Any

from flask import render_template

from .. import clock, documents, jobs
from ..config import ROOT
from ..db import assert_no_transaction, db, end_read, get, lock, transaction
from ..models import Document, Logo
from . import agreements, factur_x, payment_orders, quotes, sealing, views

STATIC = ROOT / "app" / "static"
_BASE = STATIC.as_uri() + "/"
PATIENCE = timedelta(minutes=2)
VIEWS = views.VIEWS | {
    "agreement": agreements.agreement,
    "quote": quotes.quote,
    "payment_order": payment_orders.payment_order,
}


@jobs.handler("documents.render", lease=PATIENCE)
def render(document_id: int) -> None:
    """Render once; what is rendered already stays as it is."""
    document = get(Document, document_id)
    if document.rendered_at is not None:
        return
    html = page(document.kind, document.data)
    identifier = document.content_hash.encode()[:32]
    sealed = document.kind == "signed_order" and document.data.get("seal", sealing.NONE) != sealing.NONE
    data = document.data if "electronic" in document.data else None
    kind = document.kind
    end_read()
    xml = _as_data(document_id, kind, data) if data is not None else None
    body, pages = to_pdf(html, identifier, xml)
    if sealed:
        body = _sealed(document_id, body)
    with transaction():
        row = lock(Document, document_id)
        if row.rendered_at is None:
            row.body, row.size, row.pages = body, len(body), pages
            row.sha256, row.rendered_at, row.error = hashlib.sha256(body).hexdigest(), clock.now(), None


def _sealed(document_id: int, body: bytes) -> bytes:
    """No document leaves without the seal that it says it has; why it cannot be made is kept with it."""
    try:
        return sealing.seal(body, reason="Signed order")
    except sealing.Unusable as error:
        _keep_why(document_id, str(error))
        raise


def _as_data(document_id: int, kind: str, data: dict[str, Any]) -> bytes:
    """No invoice leaves as an electronic one that is not valid."""
    try:
        return factur_x.xml(kind, data)
    except Exception as error:
        _keep_why(document_id, f"The electronic invoice is not valid. {error}")
        raise


def _keep_why(document_id: int, words: str) -> None:
    with transaction():
        lock(Document, document_id).error = words[:500]


def page(kind: str, content: dict[str, Any]) -> str:
    """The document as HTML, from its frozen content alone."""
    paper = VIEWS[kind](content)
    seller = paper.order.seller if kind == "signed_order" else paper.seller
    return render_template(f"documents/{kind}.html", paper=paper, logo=_picture(seller.logo) if seller.logo else None)


def _picture(sha256: str) -> str:
    """The logo as it was when the content was frozen."""
    row = db.session.get_one(Logo, sha256)
    return f"data:{row.mimetype};base64,{b64encode(row.body).decode()}"


def to_pdf(html: str, identifier: bytes, xml: bytes | None = None) -> tuple[bytes, int]:
    """Tagged PDF (PDF/UA-1) and its number of pages; PDF/A-3a as well where it carries an electronic invoice. Nothing
    is fetched from anywhere but our static folder."""
    from weasyprint import HTML

    assert_no_transaction()
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")  # or each embedded font would say when it was cut down
    sheet, fonts, indoors = looks()
    html_document = HTML(string=html, base_url=_BASE, url_fetcher=indoors)
    variant = "pdf/ua-1" if xml is None else "pdf/a-3a"
    paper = html_document.render(stylesheets=[sheet], font_config=fonts, pdf_variant=variant)
    if xml is not None:
        factur_x.attach(paper, xml)
    return paper.write_pdf(pdf_identifier=identifier, pdf_variant=variant), len(paper.pages)


@cache
def looks() -> tuple[Any, Any, Any]:
    """The style of every document, its fonts and what fetches for it. Read once a process: that takes longer than most
    documents do."""
    from weasyprint import CSS
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    class Indoors(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Any = None) -> Any:
            if not url.startswith((_BASE, "data:")):
                raise FatalURLFetchingError("documents load nothing from outside")
            return super().fetch(url, headers)

    fonts, indoors = FontConfiguration(), Indoors()
    style = documents.SHEET.read_text()
    atexit.register(looks.cache_clear)  # its fonts lie in a folder that it takes away while there is an interpreter
    return (
        CSS(string=style, base_url=_BASE, font_config=fonts, url_fetcher=indoors),
        fonts,
        indoors,
    )
