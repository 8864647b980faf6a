"""The published test cards, for whoever tries things out."""

from __future__ import annotations

from flask import render_template

from ...access import public
from ...gateways.sandbox.cards import GROUPS
from . import bp


@bp.get("/cards")
@public
def cards() -> str:
    return render_template("sandbox/cards.html", groups=GROUPS)
