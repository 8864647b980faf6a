"""PDFs and files behind a link: the customer's own, and only theirs."""

from __future__ import annotations

from flask import make_response, render_template
from flask.typing import ResponseReturnValue

from ...access import public
from ...errors import NotFound
from ...extensions import limiter
from ...queries.public import approval, checkout, papers, shared
from ...queries.public.papers import Papers
from ..documents import attachment, pdf
from . import bp
from .dead import dead
from .link import Link


@bp.get("/approve/<string:token>/documents/<string:kind>")
@public
@limiter.limit("60/minute")
def approve_document(token: str, kind: str) -> ResponseReturnValue:
    link = Link.read("approve", token)
    page = approval.by_link(link.public_id, link.generation)
    if page is None or page.stage in approval.DEAD:
        return dead(link, page.stage if page else None)
    return _file(page.papers, kind)


@bp.get("/approve/<string:token>/files/<int:file_id>")
@public
@limiter.limit("60/minute")
def approve_file(token: str, file_id: int) -> ResponseReturnValue:
    link = Link.read("approve", token)
    page = approval.by_link(link.public_id, link.generation)
    if page is None or page.stage in approval.DEAD:
        return dead(link, page.stage if page else None)
    found = shared.body(page.order_id, file_id)
    if found is None:
        raise NotFound(f"file {file_id}")
    return attachment(found.body, found.content_type, found.filename)


@bp.get("/pay/<string:token>/documents/<string:kind>")
@public
@limiter.limit("60/minute")
def pay_document(token: str, kind: str) -> ResponseReturnValue:
    link = Link.read("pay", token)
    found = checkout.by_link(link.public_id, link.generation)
    if found is None or found.state in checkout.DEAD:
        return dead(link, found.state if found else None)
    return _file(checkout.papers_of(found), kind)


def _file(found: Papers, kind: str) -> ResponseReturnValue:
    """The PDF, or a page that looks again while a worker is still rendering it."""
    paper = found.get(kind)
    body = papers.body(paper) if paper and paper.ready else None
    if paper is None or body is None:
        return make_response(render_template("public/being_prepared.html", exists=paper is not None), 404)
    return pdf(body, paper.filename, save=False)
