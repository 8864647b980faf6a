"""The list of agreements and the page of one."""

from __future__ import annotations

from flask import Response, render_template, request

from ...access import Permission, me, requires
from ...queries.agreements import listing, mails, page
from ...queries.agreements.views import AgreementPage
from ...queries.dunning import story
from ..documents import pdf
from . import bp


@bp.get("/")
@requires(Permission.AGREEMENT_VIEW)
def index() -> str:
    wanted = listing.Filter.read(request.args)
    keys = {name: request.args.get(name, type=int) for name in ("before", "after")}
    found = listing.view(wanted, me(), **keys)
    return render_template("agreements/index.html", found=found, wanted=wanted, statuses=listing.STATUSES)


@bp.get("/<number>")
@requires(Permission.AGREEMENT_VIEW)
def show(number: str) -> str:
    view = page.view(number, me(), before=request.args.get("before", type=int))
    return whole(view, story.view(number, me()))


def whole(view: AgreementPage, told: story.Story) -> str:
    found = mails.newest(view.id, view.number)
    return render_template("agreements/show.html", agreement=view, story=told, mails=found)


@bp.get("/<number>/versions/<int:version>")
@requires(Permission.AGREEMENT_VIEW)
def paper(number: str, version: int) -> Response:
    """The PDF of one version; `?save` downloads it."""
    body, name = page.paper(number, version, me())
    return pdf(body, name, save="save" in request.args)
