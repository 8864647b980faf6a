"""How actions answer: the form in the dialog or on its own page, and then back to where it was asked from."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, make_response, render_template, request, url_for

from ...errors import Refusal
from ...hypermedia import safe_next, see_other
from ..forms import Form


def form(
    number: str,
    form: Form,
    title: str,
    submit: str,
    *,
    lead: str = "",
    danger: bool = False,
    refusal: Refusal | None = None,
    status: int = 200,
    **more: Any,
) -> Response:
    """`refusal` is shown above the fields, which keep what was typed."""
    html = render_template(
        "agreements/action.html",
        form=form,
        title=title,
        lead=lead,
        submit=submit,
        danger=danger,
        refusal=refusal,
        back=home(number),
        action=request.full_path if request.args else request.path,
        **more,
    )
    return make_response(html, refusal.status if refusal else status)


def home(number: str) -> str:
    return safe_next(request.args.get("next"), url_for("agreements.show", number=number))


def done(number: str, words: str, tone: str = "ok") -> Response:
    flash(words, tone)
    return see_other(home(number))
