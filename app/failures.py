"""Errors as answers: a sentence where a person acted, a page where they arrived; never a stack trace."""

from __future__ import annotations

from flask import Flask, Response, make_response, render_template
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from .db import db
from .errors import NotFound, Refusal
from .hypermedia import wants_fragment
from .logs import log


def _page(status: int, **context: object) -> Response:
    try:
        db.session.rollback()
    except Exception:  # the database itself may be what failed
        db.session.remove()
    return make_response(render_template(f"errors/{status}.html", **context), status)


def refused(refusal: Refusal) -> Response:
    """Where a route has not answered in place: the sentence for htmx, a page of its own otherwise."""
    db.session.rollback()
    template = "errors/refusal_fragment.html" if wants_fragment() else "errors/refusal.html"
    response = make_response(render_template(template, refusal=refusal), refusal.status)
    if wants_fragment():
        response.headers["HX-Retarget"] = "#refusal"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, SecurityError):  # a host that is not ours: there is no address to build a page with
        return make_response("This address does not belong to Countersign.", 400)
    known = {400, 403, 404, 405, 409, 413, 429, 500}
    if error.response is not None:
        return make_response(error.response)
    return _page(status if status in known else (404 if status < 500 else 500))


def _broken(error: Exception) -> Response:
    log.error("unhandled", error=type(error).__name__, exc_info=error)
    return _page(500)


def register(app: Flask) -> None:
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(NotFound, lambda _: _page(404))
    app.register_error_handler(CSRFError, lambda _: _page(400, expired=True))
    app.register_error_handler(HTTPException, _http)
    if not app.testing:
        app.register_error_handler(Exception, _broken)
