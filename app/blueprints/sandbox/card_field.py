"""The hosted card field: a page of the processor's, framed by ours. What is typed into it cannot leave it.

Its frame is sandboxed (origin "null"), and its own policy forbids every connection and every form target, so the
number can go nowhere; the page answers its parent with an alias instead.
"""

from __future__ import annotations

from flask import make_response, render_template, request
from flask.typing import ResponseReturnValue

from ...access import public
from ...gateways.sandbox.cards import CARDS
from ...security import csp_nonce
from . import bp

LOOKS = ("light", "dark")


def _policy() -> str:
    nonce = csp_nonce()
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; "
        "frame-ancestors 'self'; form-action 'none'; base-uri 'none'"
    )


@bp.get("/card-field")
@public
def card_field() -> ResponseReturnValue:
    """`?look=light|dark` matches the page around it; without it the reader's own preference holds."""
    look = request.args.get("look", "")
    known = [
        {"number": c.number, "slug": c.slug, "brand": c.brand, "last4": c.last4, "cvc": c.cvc_length} for c in CARDS
    ]
    page = render_template("sandbox/card_field.html", look=look if look in LOOKS else "", known=known)
    response = make_response(page)
    response.headers["Content-Security-Policy"] = _policy()
    return response
