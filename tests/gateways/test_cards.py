"""The table of test cards: numbers that pass as card numbers, aliases that carry none."""

from __future__ import annotations

import re

import pytest

from app.gateways.sandbox.cards import BY_SLUG, CARDS, SandboxCard, read_alias
from app.states import declines


def passes_luhn(number: str) -> bool:
    digits = [int(d) for d in reversed(number)]
    return sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)) % 10 == 0


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.slug)
def test_each_card_is_plausible_and_its_alias_carries_no_number(card: SandboxCard) -> None:
    assert passes_luhn(card.number)
    assert card.grouped.replace(" ", "") == card.number
    alias = card.alias(3, 2031)
    assert read_alias(alias) == (card, 3, 2031)
    assert not re.search(r"\d{5}", alias)
    assert len(alias) <= 64


def test_slugs_numbers_and_fingerprints_are_unique() -> None:
    assert len(BY_SLUG) == len(CARDS) == len({card.number for card in CARDS})
    assert len({card.facts(1, 2031, "").fingerprint for card in CARDS}) == len(CARDS)


@pytest.mark.parametrize("text", ["", "sbx_card_visa_0031", "sbx_card_visa_1331", "sbx_card_visa_123", "visa_1231"])
def test_anything_else_is_no_alias(text: str) -> None:
    assert read_alias(text) is None


def test_every_decline_a_card_can_cause_has_words() -> None:
    codes = {code for card in CARDS for code in (card.declines_with, card.declines_saved_with) if code}
    assert codes <= declines.TABLE.keys()
