"""The PDF of a payment order."""

from __future__ import annotations

from flask import Response, request, url_for

from ...access import Permission, me, requires
from ...commands.payments import payment_papers
from ...hypermedia import panel, see_other
from ...queries import papers
from ...queries.payments import page
from ...queries.payments import paper as found
from ...queries.payments.facts import load
from ..documents import pdf as answer_pdf
from . import bp


@bp.get("/payments/<number>/paper")
@requires(Permission.PAYMENT_VIEW)
def paper(number: str) -> Response:
    """The panel with the PDF; asks again by itself until a worker has rendered it."""
    return panel("payments/show.html", "payments/panels/paper.html", payment_order=page.view(load(number, me())))


@bp.post("/payments/<number>/paper")
@requires(Permission.PAYMENT_VIEW)
def make_paper(number: str) -> Response:
    """The PDF of the payment order as it stands; made once for the same content."""
    payment_papers.request(load(number, me()), by=me())
    return see_other(url_for("payments.show", number=number) + "#panel-paper")


@bp.get("/payments/<number>/payment-order.pdf")
@requires(Permission.PAYMENT_VIEW)
def pdf(number: str) -> Response:
    """`?save` downloads it. 404 until it is rendered."""
    paper = found.view(load(number, me()))
    return answer_pdf(papers.body(paper), paper.filename, save="save" in request.args)
