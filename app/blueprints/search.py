"""One box that finds; a number goes straight to its page."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from ..access import me, signed_in
from ..queries import search

bp = Blueprint("search", __name__)


@bp.get("/search")
@signed_in
def index() -> str | Response:
    text = request.args.get("q", "").strip()
    found = search.view(text, me())
    if found.exact:
        return redirect(found.exact)
    return render_template("search.html", text=text, found=found)
