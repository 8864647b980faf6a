"""One answer for two askers: htmx gets fragments, a plain browser gets pages and redirects."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, make_response, redirect, render_template
from markupsafe import Markup

from .extensions import htmx


def wants_fragment() -> bool:
    """An htmx request for a part; boosted links and history restores get whole pages."""
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def partial(target: str, html: str) -> Markup:
    """A second region to replace in the same answer; `target` is the id of its root element."""
    return Markup('<hx-partial hx-target="#{}" hx-swap="outerHTML">{}</hx-partial>').format(target, Markup(html))


def fragments(main: str, *others: Markup, status: int = 200, toast: str | None = None, tone: str = "ok") -> Response:
    """The part that was asked for, then whatever else it changed; `toast` confirms, and carries nothing of its own."""
    response = make_response("".join([main, *others]), status)
    if toast:
        response.headers["HX-Trigger"] = json.dumps({"toast": {"target": "#toasts", "text": toast, "tone": tone}})
    return response


def panel(page: str, part: str, *, status: int = 200, **context: Any) -> Response:
    """`part` alone for htmx, `page` (which includes the very same part) for everybody else."""
    return make_response(render_template(part if wants_fragment() else page, **context), status)


def see_other(url: str) -> Response:
    """After a post: 303 for a browser; htmx is told to go there whole."""
    if wants_fragment():
        return Response(status=204, headers={"HX-Redirect": url})
    response = redirect(url, 303)
    return make_response(response)


def safe_next(target: str | None, default: str) -> str:
    """`target` if it is a path of ours, else `default`: no open redirects, neither by `//evil`, by `\\` nor by the
    control characters that browsers leave out."""
    if (
        target
        and target.startswith("/")
        and not target.startswith("//")
        and "\\" not in target
        and target.isprintable()
    ):
        return target
    return default
