"""The published test cards and what each of them does.

Numbers as Stripe publishes them for testing (docs.stripe.com/testing), so that hands which know them need no list; the
two that lose their answer are the sandbox's own, from the same range. A number never leaves the browser: the hosted
card field turns it into an alias, `sbx_card_<slug>_<MMYY>`, and the sandbox knows the card by its slug.
"""

from __future__ import annotations

import re
from enum import StrEnum

from ...values import Value
from ..base import CardFacts, sha256


class Challenge(StrEnum):
    """When the card asks its holder to confirm (3-D Secure)."""

    NEVER = "never"
    UNLESS_SAVED = "unless_saved"
    ALWAYS = "always"


class Fault(StrEnum):
    """What goes wrong between us and the sandbox; each strikes a key once."""

    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    ERROR = "error"
    TOO_MANY = "too_many"
    SLOW = "slow"


class SandboxCard(Value):
    """`declines_with` holds for every charge, `declines_saved_with` only once the card is a saved method."""

    slug: str
    number: str
    brand: str
    does: str
    declines_with: str | None = None
    declines_saved_with: str | None = None
    challenge: Challenge = Challenge.NEVER
    in_page: bool = False
    fault: Fault | None = None

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def cvc_length(self) -> int:
        return 4 if self.brand == "American Express" else 3

    @property
    def grouped(self) -> str:
        """The number as it is printed on a card."""
        if self.brand == "American Express":
            return f"{self.number[:4]} {self.number[4:10]} {self.number[10:]}"
        return " ".join(re.findall("....", self.number))

    def facts(self, month: int, year: int, holder: str) -> CardFacts:
        return CardFacts(self.brand, self.last4, month, year, holder, sha256(f"sandbox:{self.slug}")[:32])

    def alias(self, month: int, year: int) -> str:
        """What the card field gives for this card; `year` has four digits."""
        return f"sbx_card_{self.slug}_{month:02d}{year % 100:02d}"


CARDS: tuple[SandboxCard, ...] = (
    SandboxCard("visa", "4242424242424242", "Visa", "Pays"),
    SandboxCard("mastercard", "5555555555554444", "Mastercard", "Pays"),
    SandboxCard("amex", "378282246310005", "American Express", "Pays; its security code has four digits"),
    SandboxCard("discover", "6011111111111117", "Discover", "Pays"),
    SandboxCard(
        "confirm",
        "4000002760003184",
        "Visa",
        "Asks the cardholder to confirm every payment, on a page of the bank",
        challenge=Challenge.ALWAYS,
    ),
    SandboxCard(
        "confirm-in-page",
        "4000000000003220",
        "Visa",
        "Asks the cardholder to confirm every payment, without leaving the page",
        challenge=Challenge.ALWAYS,
        in_page=True,
    ),
    SandboxCard(
        "confirm-once",
        "4000002500003155",
        "Visa",
        "Asks to confirm the first payment; once saved it pays without",
        challenge=Challenge.UNLESS_SAVED,
    ),
    SandboxCard(
        "confirm-declined",
        "4000008400001629",
        "Visa",
        "Asks to confirm, then is declined",
        declines_with="generic_decline",
        challenge=Challenge.ALWAYS,
    ),
    SandboxCard("declined", "4000000000000002", "Visa", "Declined without a reason", declines_with="generic_decline"),
    SandboxCard("insufficient-funds", "4000000000009995", "Visa", "Declined: not enough funds", "insufficient_funds"),
    SandboxCard("velocity", "4000000000006975", "Visa", "Declined: over its limit", "card_velocity_exceeded"),
    SandboxCard("expired", "4000000000000069", "Visa", "Declined: expired", "expired_card"),
    SandboxCard("incorrect-cvc", "4000000000000127", "Visa", "Declined: wrong security code", "incorrect_cvc"),
    SandboxCard("processing-error", "4000000000000119", "Visa", "Declined: processing error", "processing_error"),
    SandboxCard("lost", "4000000000009987", "Visa", "Declined: reported lost", "lost_card"),
    SandboxCard("stolen", "4000000000009979", "Visa", "Declined: reported stolen", "stolen_card"),
    SandboxCard("fraudulent", "4100000000000019", "Visa", "Declined: looks fraudulent", "fraudulent"),
    SandboxCard(
        "declines-later",
        "4000000000000341",
        "Visa",
        "Pays and can be saved; every later charge of the saved card is declined",
        declines_saved_with="generic_decline",
    ),
    SandboxCard(
        "lost-request",
        "4000000000007007",
        "Visa",
        "The answer is lost and nothing was charged",
        fault=Fault.TIMEOUT_BEFORE,
    ),
    SandboxCard(
        "lost-answer",
        "4000000000007015",
        "Visa",
        "The answer is lost although the charge was made",
        fault=Fault.TIMEOUT_AFTER,
    ),
)


def _group(card: SandboxCard) -> str:
    if card.fault:
        return "lost"
    if card.challenge is not Challenge.NEVER:
        return "confirms"
    return "declines" if card.declines_with else "pays"


GROUPS = {name: [c for c in CARDS if _group(c) == name] for name in ("pays", "confirms", "declines", "lost")}
BY_SLUG = {card.slug: card for card in CARDS}

_ALIAS = re.compile(r"sbx_card_([a-z-]+)_(0[1-9]|1[0-2])(\d\d)")


def read_alias(alias: str) -> tuple[SandboxCard, int, int] | None:
    """Card, month and four-digit year of an alias, or None for anything that is none."""
    match = _ALIAS.fullmatch(alias)
    card = BY_SLUG.get(match[1]) if match else None
    return (card, int(match[2]), 2000 + int(match[3])) if match and card else None
