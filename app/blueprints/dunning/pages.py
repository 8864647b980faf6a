"""The recovery page: what failed, what was tried, what comes next, and what came back."""

from __future__ import annotations

from flask import render_template, request

from ...access import Permission, me, requires
from ...queries.dunning import listing, recovered, words
from . import bp


@bp.get("/")
@requires(Permission.AGREEMENT_VIEW)
def index() -> str:
    wanted = listing.Filter.read(request.args)
    keys = {name: request.args.get(name, type=int) for name in ("before", "after")}
    return render_template(
        "dunning/index.html",
        found=listing.view(wanted, me(), **keys),
        figures=recovered.view(wanted.days, me()),
        wanted=wanted,
        statuses=listing.STATUSES,
        kinds=words.KINDS,
        every=listing.EVERY,
    )
