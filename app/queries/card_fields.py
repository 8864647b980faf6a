"""Which card field a page shows: the one of the gateway that would charge."""

from __future__ import annotations

from ..errors import Refusal
from ..gateways import registry
from ..gateways.card_field import CardField, Purpose
from ..models.method import Gateway
from ..money import Money
from .routes import choose

NONE = CardField("none")


def to_pay(amount: Money) -> CardField:
    """Along the route that `amount` would take now; NONE, which says so, where no card can be taken."""
    try:
        _, gateway = choose(amount.currency)
    except Refusal:
        return NONE
    return at(gateway, Purpose(amount, amount.currency, save=False))


def at(gateway: Gateway, purpose: Purpose) -> CardField:
    try:
        return registry.get(gateway).card_field(purpose)
    except Refusal:
        return NONE
