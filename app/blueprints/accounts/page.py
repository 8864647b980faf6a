"""The list of accounts, and one of them."""

from __future__ import annotations

from flask import render_template, request, url_for

from ...access import Permission, me, requires
from ...queries import accounts
from . import bp


@bp.get("/")
@requires(Permission.ACCOUNT_VIEW)
def index() -> str:
    search, held = request.args.get("q", "").strip(), bool(request.args.get("held"))
    found = accounts.find(
        search, held=held, after=request.args.get("after", type=int), before=request.args.get("before", type=int)
    )
    here = {"q": search or None, "held": "yes" if held else None}
    return render_template(
        "accounts/index.html",
        found=found,
        q=search,
        held=held,
        address=lambda **changes: url_for("accounts.index", **{k: v for k, v in (here | changes).items() if v}),
    )


@bp.get("/<number>")
@requires(Permission.ACCOUNT_VIEW)
def show(number: str) -> str:
    return render_template("accounts/show.html", page=accounts.load(number, me()))
