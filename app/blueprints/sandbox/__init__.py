"""What the sandbox shows in a browser: its card field, its bank's challenge page, its list of test cards."""

from __future__ import annotations

from flask import Blueprint, abort, current_app

# Its tables belong to the schema wherever the application runs, the sandbox switched on or not.
from ...gateways.sandbox import tables  # noqa: F401

bp = Blueprint("sandbox", __name__, url_prefix="/sandbox")


@bp.before_request
def only_where_switched_on() -> None:
    if not current_app.config["SANDBOX"]:
        abort(404)
