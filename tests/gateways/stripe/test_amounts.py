"""Our minor units and Stripe's: exact both ways, or not sent at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.base import Outcome
from app.gateways.stripe.amounts import (
    ALWAYS_WHOLE,
    NO_DECIMALS,
    THREE_DECIMALS,
    NotRepresentable,
    from_stripe,
    to_stripe,
)
from app.money import Money
from tests.gateways.bench import Bench
from tests.gateways.stripe.fake import FakeStripe


@pytest.mark.parametrize(
    ("amount", "sent"),
    [
        (Money(1099, "EUR"), 1099),
        (Money(500, "JPY"), 500),
        (Money(5120, "KWD"), 5120),
        (Money(5, "ISK"), 500),
        (Money(5, "UGX"), 500),
        (Money(1045, "HUF"), 1045),
        (Money(1050, "TWD"), 1050),
        (Money(7, "VND"), 7),
        (Money(700, "MGA"), 7),
    ],
)
def test_each_currency_is_sent_as_stripe_counts_it(amount: Money, sent: int) -> None:
    assert to_stripe(amount) == sent
    assert from_stripe(sent, amount.currency.lower()) == amount


@given(st.integers(1, 10**10), st.sampled_from(sorted(NO_DECIMALS - {"MGA"} | ALWAYS_WHOLE | {"EUR", "HUF"})))
def test_the_way_there_and_back_is_exact(minor: int, currency: str) -> None:
    assert from_stripe(to_stripe(Money(minor, currency)), currency) == Money(minor, currency)


@given(st.integers(1, 10**9), st.sampled_from(sorted(THREE_DECIMALS)))
def test_three_decimals_end_in_nought(tens: int, currency: str) -> None:
    assert from_stripe(to_stripe(Money(tens * 10, currency)), currency) == Money(tens * 10, currency)


def test_what_stripe_cannot_count_is_never_sent(stripe_bench: Bench, fake: FakeStripe) -> None:
    result = stripe_bench.gateway.charge(stripe_bench.request(amount=Money(12345, "KWD")))
    assert (result.outcome, result.decline_code) == (Outcome.FAILED, "amount_not_representable")
    assert result.message == "Stripe cannot take 12.345 KWD: it is too finely divided."
    assert fake.sent == []


def test_a_part_of_an_ariary_is_refused() -> None:
    """ISO 4217 has two decimals for it, of which Stripe takes none."""
    with pytest.raises(NotRepresentable):
        to_stripe(Money(1, "MGA"))


def test_an_answer_of_half_a_krona_is_not_believed() -> None:
    with pytest.raises(ValueError, match="no amount of ISK"):
        from_stripe(550, "isk")
