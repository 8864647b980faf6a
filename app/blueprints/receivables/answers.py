"""An action of AR that asks first, as a dialog and as a page, and where it leads."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, make_response, render_template, request

from ...hypermedia import safe_next, see_other


def dialog(back: str, status: int = 200, **words: Any) -> Response:
    """`title`, `consequence`, `submit`, `action`, `form`, perhaps `refusal`, `danger`, and `currency` of the amount."""
    facts = {"refusal": None, "danger": False, "currency": "", "facts": (), "back": home(back)} | words
    return make_response(render_template("receivables/action.html", **facts), status)


def home(default: str) -> str:
    """Where this person came from, if the address says so."""
    return safe_next(request.args.get("next"), default)


def done(back: str, said: str) -> Response:
    flash(said, "ok")
    return see_other(home(back))
