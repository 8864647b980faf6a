"""Documents as files: shown in a frame of our own pages, or saved. Scoped through their order, or the agreement they
belong to; what has neither is for those who see everything."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g, make_response, request
from sqlalchemy import select

from ..access import Permission, me, requires
from ..db import db
from ..models import Document, SalesOrder
from ..queries import papers

bp = Blueprint("documents", __name__)


@bp.get("/documents/<int:document_id>/<filename>")
@requires(Permission.ORDER_VIEW)
def show(document_id: int, filename: str) -> Response:
    """The PDF; `?save` downloads it. 404 until it is rendered: pages that link here know whether it is."""
    row = db.session.execute(
        select(Document.body, Document.filename)
        .outerjoin(SalesOrder, SalesOrder.id == Document.order_id)
        .where(Document.id == document_id, Document.filename == filename)
        .where(papers.seen_by(me()))
    ).one_or_none()
    if row is None or row.body is None:
        abort(404)
    return pdf(row.body, row.filename, save="save" in request.args)


def attachment(body: bytes, content_type: str, filename: str) -> Response:
    """A file to save that no browser runs, whatever it claims to be. Source: OWASP file upload guidance."""
    response = make_response(body)
    response.headers["Content-Type"] = content_type
    response.headers.set("Content-Disposition", "attachment", filename=filename)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def pdf(body: bytes, filename: str, *, save: bool) -> Response:
    """A PDF answer that our own pages may frame and nobody else."""
    g.csp_frame_ancestors = "'self'"
    response = make_response(body)
    response.headers["Content-Type"] = "application/pdf"
    disposition = "attachment" if save else "inline"
    response.headers["Content-Disposition"] = f'{disposition}; filename="{filename}"'
    return response
