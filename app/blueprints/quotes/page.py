"""One quote: its page, and its PDF."""

from __future__ import annotations

from flask import Response, render_template, request, url_for

from ...access import Permission, me, requires
from ...commands.quotes import quote_papers
from ...hypermedia import panel, see_other
from ...queries import papers
from ...queries.quotes import page
from ..documents import pdf as answer_pdf
from . import bp


@bp.get("/<number>")
@requires(Permission.QUOTE_VIEW)
def show(number: str) -> str:
    """The latest version."""
    return show_version(number, page.latest(me(), number))


@bp.get("/<number>/<int:version>")
@requires(Permission.QUOTE_VIEW)
def show_version(number: str, version: int) -> str:
    return render_template("quotes/show.html", quote=page.load(me(), number, version))


@bp.get("/<number>/<int:version>/paper")
@requires(Permission.QUOTE_VIEW)
def paper(number: str, version: int) -> Response:
    """The panel with the PDF; asks again by itself until a worker has rendered it."""
    return panel("quotes/show.html", "quotes/panels/paper.html", quote=page.load(me(), number, version))


@bp.post("/<number>/<int:version>/paper")
@requires(Permission.QUOTE_VIEW)
def make_paper(number: str, version: int) -> Response:
    """The PDF of the version as it stands; made once for the same content."""
    quote_papers.request(page.locate(me(), number, version), by=me())
    return see_other(url_for("quotes.show_version", number=number, version=version) + "#panel-paper")


@bp.get("/<number>/<int:version>/quote.pdf")
@requires(Permission.QUOTE_VIEW)
def pdf(number: str, version: int) -> Response:
    """`?save` downloads it. 404 until it is rendered."""
    found = page.paper_of(me(), number, version)
    return answer_pdf(papers.body(found), found.filename, save="save" in request.args)
