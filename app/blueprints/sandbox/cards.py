"""The published test cards, for whoever tries things out."""

from __future__ import annotations

from flask import render_template

from ...access import public
from ...gateways.sandbox.cards import CARDS, SandboxCard
from . import bp


def _group(card: SandboxCard) -> str:
    if card.fault:
        return "lost"
    if card.challenge != "never":
        return "confirms"
    return "declines" if card.declines_with else "pays"


@bp.get("/cards")
@public
def cards() -> str:
    groups = {name: [c for c in CARDS if _group(c) == name] for name in ("pays", "confirms", "declines", "lost")}
    return render_template("sandbox/cards.html", groups=groups)
