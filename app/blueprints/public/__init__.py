"""The customer's pages: reading and signing an order, and paying. Whoever holds the link is the customer."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, make_response, render_template
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from ...errors import Refusal
from ...mail.kinds import first_name
from ...queries.public import words

bp = Blueprint("public", __name__)


@bp.before_request
def _keep_token_to_ourselves() -> None:
    """No referrer, no copies: the address is the key (invariant 22)."""
    g.token_page = True


@bp.context_processor
def _customers_words() -> dict[str, Any]:
    return {
        "emphasized": words.emphasized,
        "first_name": first_name,
        "recurring": words.recurring,
        "share": words.share,
        "short_per": words.short_per,
        "when_due": words.when_due,
    }


@bp.errorhandler(Refusal)
def _refused(refusal: Refusal) -> Response:
    return make_response(render_template("public/refused.html", refusal=refusal), refusal.status)


@bp.errorhandler(429)
def _too_often(error: HTTPException) -> Response:
    return make_response(render_template("public/too_often.html"), 429)


@bp.errorhandler(CSRFError)
def _open_too_long(error: CSRFError) -> Response:
    return make_response(render_template("public/open_too_long.html"), 400)


from . import add_method, approve, checkout_return, give_back, papers, pay, sign  # noqa: E402, F401  (their routes)
