"""The way to the bank's page: never a redirect after a form was sent, which a browser would hold against our policy of
where forms may go, but a page of ours that goes on by itself."""

from __future__ import annotations

from collections.abc import Callable

from flask import make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..commands.payments.challenge import Question


def go(question: Question | None, home: str, *, back: Callable[[str], str] | None = None) -> ResponseReturnValue:
    """On to the bank; back home if nothing is asked; to the page that asks for the outcome if it was answered, whose
    address is `back` of what it is about."""
    if question is None:
        return redirect(home)
    if question.answered:
        return redirect((back or _checkout)(question.about))
    page = render_template("public/to_bank.html", address=question.address, again=request.path, home=home)
    response = make_response(page, 200 if question.address else 503)
    response.headers["Referrer-Policy"] = "no-referrer"
    if question.address:
        response.headers["Refresh"] = f"0; url={question.address}"
    return response


def _checkout(attempt: str) -> str:
    return url_for("public.checkout_return", attempt=attempt)
