"""The sandbox's console: make a gateway decline, be silent, be disputed or pay out, on purpose. Never in production."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, abort, current_app, flash, url_for
from flask.typing import ResponseReturnValue

from ...errors import Refusal
from ...hypermedia import see_other

bp = Blueprint("sandbox_console", __name__, url_prefix="/sandbox/console")


@bp.before_request
def only_where_switched_on() -> None:
    if not current_app.config["SANDBOX"]:
        abort(404)


def done(gateway: str, part: str, act: Callable[[], str]) -> ResponseReturnValue:
    """Back to the `part` of the console where one was, with what `act` says it did, or why the sandbox would not."""
    try:
        flash(act(), "ok")
    except Refusal as refusal:
        if refusal.status == 403:
            raise
        flash(f"{refusal.sentence} {refusal.help}".strip(), "warn")
    return see_other(url_for("sandbox_console.show", gateway=gateway, _anchor=part))


from . import calls, events, money, page  # noqa: E402, F401  (their routes)
