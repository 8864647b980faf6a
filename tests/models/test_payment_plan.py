"""The arithmetic of payment plans: no unit lost, no plan accepted that misses the total."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import Instalment
from app.models.payment_plan import amounts, planned
from app.money import Money, total


def percent(value: str) -> Instalment:
    return Instalment(percent=Decimal(value))


def amount(minor: int) -> Instalment:
    return Instalment(amount=minor)


@pytest.mark.parametrize(
    ("steps", "whole", "parts"),
    [
        ([percent("100")], 52955, [52955]),
        ([percent("30"), percent("70")], 52955, [15887, 37068]),
        ([percent("33.333"), percent("33.333"), percent("33.334")], 100, [33, 33, 34]),
        ([amount(482100), percent("90")], 4821000, [482100, 4338900]),
        ([amount(10000), amount(42955)], 52955, [10000, 42955]),
        ([percent("50"), percent("50")], 1, [1, 0]),
    ],
)
def test_parts_make_the_whole(steps: list[Instalment], whole: int, parts: list[int]) -> None:
    assert [part.minor for part in amounts(steps, Money(whole, "EUR")) or []] == parts


@pytest.mark.parametrize(
    "steps",
    [[], [percent("90")], [percent("60"), percent("60")], [amount(52954)], [amount(10000), percent("90")]],
)
def test_a_plan_that_misses_the_total_has_no_parts(steps: list[Instalment]) -> None:
    assert amounts(steps, Money(52955, "EUR")) is None


def test_what_a_wrong_plan_asks_for(app) -> None:
    assert planned([percent("90"), amount(100)], Money(1000, "EUR")) == Money(1000, "EUR")


@given(st.integers(1, 10**9), st.lists(st.integers(1, 100_000), min_size=1, max_size=6))
def test_any_split_into_percents_loses_nothing(minor: int, weights: list[int]) -> None:
    """Percents with three decimals that make a hundred, however odd."""
    cuts = [round(100_000 * sum(weights[:i]) / sum(weights)) for i in range(len(weights) + 1)]
    steps = [Instalment(percent=Decimal(b - a).scaleb(-3)) for a, b in zip(cuts, cuts[1:], strict=False)]
    parts = amounts(steps, Money(minor, "EUR"))
    assert parts is not None
    assert total(parts, "EUR") == Money(minor, "EUR")
