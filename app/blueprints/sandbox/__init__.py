"""What the sandbox shows in a browser: its card field, its bank's challenge page, its list of test cards."""

from __future__ import annotations

from flask import Blueprint, abort, current_app
from flask.blueprints import BlueprintSetupState

# Its tables belong to the schema wherever the application runs, the sandbox switched on or not.
from ...gateways.sandbox import tables  # noqa: F401
from ...gateways.sandbox.cards import BY_SLUG

bp = Blueprint("sandbox", __name__, url_prefix="/sandbox")

# Enough to try out everything that matters; the rest is on the page of test cards.
HINTED = ("visa", "insufficient-funds", "confirm", "lost-answer")


@bp.before_request
def only_where_switched_on() -> None:
    if not current_app.config["SANDBOX"]:
        abort(404)


@bp.record
def hint_at_test_cards(state: BlueprintSetupState) -> None:
    """Below the card field, and only where a real card has no business."""
    state.app.jinja_env.globals["test_cards"] = [BY_SLUG[s] for s in HINTED] if state.app.config["SANDBOX"] else []


from . import card_field, cards, challenge  # noqa: E402, F401  (their routes)
