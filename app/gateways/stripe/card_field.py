"""The Payment Element: Stripe's frame, set up by a few lines of ours before any PaymentIntent is made."""

from __future__ import annotations

from ..base import NotAvailable
from ..card_field import CardField, Purpose
from .amounts import NotRepresentable, to_stripe
from .keys import Keys

# Source: docs.stripe.com/security/guide. The script itself comes in by the nonce of ours that loads it.
SOURCES = {
    "connect-src": ("https://api.stripe.com",),
    "frame-src": ("https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"),
}


def of(keys: Keys, purpose: Purpose) -> CardField:
    """Raises Refusal where no card can be entered."""
    if keys.field_faults():
        raise NotAvailable("Cards cannot be entered at the moment: the payment provider is not set up.")
    facts = {
        "key": keys.publishable,
        "mode": "payment" if purpose.amount else "setup",
        "currency": purpose.currency.lower(),
        "capture": "manual" if purpose.amount and purpose.capture_later else "automatic",
        "save": "yes" if purpose.save else "",
        "amount": _minor(purpose),
    }
    return CardField("stripe", facts, SOURCES)


def _minor(purpose: Purpose) -> str:
    try:
        return str(to_stripe(purpose.amount)) if purpose.amount else ""
    except NotRepresentable as odd:
        raise NotAvailable("This amount cannot be charged there.") from odd
