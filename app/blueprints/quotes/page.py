"""One quote."""

from __future__ import annotations

from flask import render_template

from ...access import Permission, me, requires
from ...queries.quotes import page
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
