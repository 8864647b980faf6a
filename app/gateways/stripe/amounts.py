"""Between our minor units and Stripe's.

Source: docs.stripe.com/currencies. ISK and UGX have no decimals, yet Stripe wants two, always 00. Of three decimals,
the last must be 0. HUF and TWD are charged with two decimals; only their payouts are whole.
"""

from __future__ import annotations

from ...money import Money, exponent

NO_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMALS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
ALWAYS_WHOLE = frozenset({"ISK", "UGX"})


class NotRepresentable(ValueError):
    """Stripe has no number for this amount, so it is not sent; the message is a sentence for people."""


def decimals(currency: str) -> int:
    if currency in NO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def to_stripe(amount: Money) -> int:
    """Raises NotRepresentable."""
    scaled = amount.major.scaleb(decimals(amount.currency))
    step = {3: 10}.get(decimals(amount.currency), 100 if amount.currency in ALWAYS_WHOLE else 1)
    if scaled % step:
        raise NotRepresentable(f"Stripe cannot take {amount.major} {amount.currency}: it is too finely divided.")
    return int(scaled)


def from_stripe(minor: int, currency: str) -> Money:
    """Raises ValueError where our currency has fewer decimals than the amount needs."""
    code = currency.upper()
    step = 10 ** max(decimals(code) - exponent(code), 0)
    if minor % step:
        raise ValueError(f"{minor} is no amount of {code} that can be kept here.")
    return Money(minor // step * 10 ** max(exponent(code) - decimals(code), 0), code)
