"""Money: exact, never mixed, split without loss; lines and tax by the one stored rounding rule."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.money import (
    CURRENCIES,
    DIGITS,
    CurrencyMismatch,
    Money,
    PricedLine,
    TaxTotal,
    UnknownCurrency,
    exponent,
    left_of,
    line_amount,
    next_part,
    round_half_up,
    shares,
    together,
    total,
    totals,
)

CODES = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
MINOR = st.integers(-(10**12), 10**12)
LINES = st.lists(
    st.builds(
        PricedLine,
        quantity=st.integers(1, 10**6).map(lambda n: Decimal(n).scaleb(-3)),
        unit_price=st.integers(0, 10**9).map(lambda n: Decimal(n).scaleb(-4)),
        discount_percent=st.integers(0, 10**5).map(lambda n: Decimal(n).scaleb(-3)),
        tax_rate=st.sampled_from([Decimal(0), Decimal(7), Decimal("8.875"), Decimal(19)]),
    ),
    max_size=12,
)


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3)])
def test_each_currency_has_its_own_digits(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


@pytest.mark.parametrize(("currency", "digits"), [("RSD", 2), ("IQD", 3), ("LBP", 2), ("ISK", 0), ("CLF", 4)])
def test_digits_are_those_of_iso_4217_and_not_those_of_cash(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


def test_every_currency_of_the_table_is_one() -> None:
    listed = [code for codes in DIGITS.values() for code in codes]
    assert len(listed) == len(set(listed))
    assert set(listed) <= CURRENCIES


@pytest.mark.parametrize("code", ["", "eur", "EURO", "QQQ", "XXX", "XAU"])
def test_what_is_no_currency_cannot_be_counted(code: str) -> None:
    with pytest.raises(UnknownCurrency):
        Money.of("1", code)


@pytest.mark.parametrize(
    ("major", "currency", "minor"), [("12.40", "EUR", 1240), ("1200", "JPY", 1200), ("1.234", "KWD", 1234)]
)
def test_major_units_become_minor_units(major: str, currency: str, minor: int) -> None:
    assert Money.of(major, currency) == Money(minor, currency)


@pytest.mark.parametrize(("major", "currency"), [("1.001", "EUR"), ("1.5", "JPY"), ("0.0001", "KWD")])
def test_more_digits_than_the_currency_has_are_refused(major: str, currency: str) -> None:
    with pytest.raises(ValueError, match="decimals"):
        Money.of(major, currency)


@given(MINOR, CODES)
def test_major_and_back_is_the_same(minor: int, currency: str) -> None:
    amount = Money(minor, currency)
    assert Money.of(amount.major, currency) == amount


def test_currencies_do_not_mix() -> None:
    euro, yen = Money(1, "EUR"), Money(1, "JPY")
    for mix in (lambda: euro + yen, lambda: euro - yen, lambda: euro < yen, lambda: total([yen], "EUR")):
        with pytest.raises(CurrencyMismatch):
            mix()


@given(MINOR, CODES, st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_a_split_loses_nothing_and_is_fair(minor: int, currency: str, weights: list[int]) -> None:
    amount = Money(minor, currency)
    shares = amount.allocate(weights)
    assert total(shares, currency) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share.minor - Decimal(minor) * weight / sum(weights)) < 1


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1]])
def test_a_split_by_nothing_is_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Money(1, "EUR").allocate(weights)


@pytest.mark.parametrize(("value", "rounded"), [("0.5", 1), ("-0.5", -1), ("1.4999", 1), ("2.5", 3)])
def test_halves_round_away_from_zero(value: str, rounded: int) -> None:
    assert round_half_up(Decimal(value)) == rounded


@given(LINES, CODES, st.booleans())
def test_gross_is_net_plus_tax_per_rate_and_in_sum(lines: list[PricedLine], currency: str, included: bool) -> None:
    result = totals(lines, currency, prices_include_tax=included)
    assert result.gross == result.net + result.tax
    assert result.net == total((t.base for t in result.by_rate), currency)
    assert result.tax == total((t.tax for t in result.by_rate), currency)
    assert len({t.rate for t in result.by_rate}) == len(result.by_rate)
    if included:
        assert result.gross == total((line_amount(line, currency) for line in lines), currency)


@given(LINES, CODES, st.randoms())
def test_the_order_of_lines_does_not_matter(lines: list[PricedLine], currency: str, random: object) -> None:
    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert totals(lines, currency) == totals(shuffled, currency)


@given(LINES, CODES, st.booleans())
def test_the_shares_of_all_lines_are_the_total_and_no_line_is_off_by_more_than_a_unit(
    lines: list[PricedLine], currency: str, included: bool
) -> None:
    found = shares(lines, currency, prices_include_tax=included)
    assert total(found, currency) == totals(lines, currency, prices_include_tax=included).gross
    for line, share in zip(lines, found, strict=True):
        own = line_amount(line, currency)
        exact = own.minor if included else own.minor * (100 + line.tax_rate) / 100
        assert abs(share.minor - exact) < 2


def test_tax_is_rounded_once_on_the_sum_and_not_per_line() -> None:
    line = PricedLine(Decimal(1), Decimal("0.03"), Decimal(0), Decimal(19))
    assert totals([line] * 3, "EUR").tax == Money(2, "EUR")  # 0.09 x 19 % = 0.0171, not 3 x round(0.0057)


def test_a_line_is_quantity_times_price_less_discount() -> None:
    line = PricedLine(Decimal("2.5"), Decimal("24.4999"), Decimal("12.5"), Decimal(19))
    assert line_amount(line, "EUR") == Money(5359, "EUR")


@st.composite
def split(draw: st.DrawFn, gross: int) -> list[int]:
    """Parts of `gross`, each at least one unit."""
    cuts = draw(st.sets(st.integers(1, max(gross - 1, 1)), max_size=8)) if gross > 1 else set()
    edges = [0, *sorted(cuts), gross]
    return [b - a for a, b in itertools.pairwise(edges) if b > a]


@given(LINES, CODES, st.booleans(), st.data())
def test_parts_add_up_to_the_whole_per_rate_however_it_is_split(
    lines: list[PricedLine], currency: str, included: bool, data: st.DataObject
) -> None:
    whole = totals(lines, currency, prices_include_tax=included)
    assume(whole.gross)
    billed: list[TaxTotal] = []
    for minor in data.draw(split(whole.gross.minor)):
        part = next_part(whole, billed, Money(minor, currency))
        assert part.gross == Money(minor, currency)
        assert all(t.tax.minor >= 0 and t.base.minor >= 0 for t in part.by_rate)
        billed += part.by_rate
    for t in whole.by_rate:
        mine = [b for b in billed if b.rate == t.rate]
        assert total((b.base for b in mine), currency) == t.base
        assert total((b.tax for b in mine), currency) == t.tax
    assert not next_part(whole, billed, Money(1, currency)).by_rate


@given(LINES, st.sampled_from(["EUR", "JPY", "KWD"]), st.booleans(), st.data())
def test_what_is_left_after_deposits_and_their_credits_makes_the_whole_to_the_cent_per_rate(
    lines: list[PricedLine], currency: str, included: bool, data: st.DataObject
) -> None:
    whole = totals(lines, currency, prices_include_tax=included)
    assume(whole.gross)
    billed: list[TaxTotal] = []
    credited = data.draw(st.booleans())
    for minor in data.draw(split(whole.gross.minor))[:-1]:
        part = next_part(whole, billed, Money(minor, currency))
        billed += part.by_rate
        if credited:
            note = next_part(part, [], Money(data.draw(st.integers(0, minor)), currency))
            billed += [TaxTotal(t.rate, -t.base, -t.tax) for t in note.by_rate]
    left = left_of(whole, billed)
    assert together((*billed, *left.by_rate), currency) == whole
    assert left.gross == next_part(whole, billed, whole.gross).gross
    if not credited:
        assert tuple(t for t in left.by_rate if t.gross) == next_part(whole, billed, whole.gross).by_rate


def test_a_rate_that_gave_more_than_it_has_is_below_zero() -> None:
    seven = TaxTotal(Decimal(7), Money(1000, "EUR"), Money(70, "EUR"))
    whole = totals([PricedLine(Decimal(1), Decimal(100), Decimal(0), Decimal(19))], "EUR")
    assert [t.base.minor for t in left_of(whole, [seven]).by_rate] == [10_000, -1_000]


def test_thirds_of_one_order_carry_its_tax_and_not_a_cent_more() -> None:
    whole = totals([PricedLine(Decimal(1), Decimal("0.84"), Decimal(0), Decimal(19))], "EUR")
    billed: list[TaxTotal] = []
    for minor in (33, 33, 34):
        billed += next_part(whole, billed, Money(minor, "EUR")).by_rate
    assert [t.tax.minor for t in billed] == [5, 6, 5]  # each third alone would round to 5, and lose a cent
    assert whole.tax == Money(16, "EUR")


def test_parts_older_than_a_change_leave_no_more_than_is_left_of_the_whole() -> None:
    seven = TaxTotal(Decimal(7), Money(1000, "EUR"), Money(70, "EUR"))
    whole = totals([PricedLine(Decimal(1), Decimal(100), Decimal(0), Decimal(19))], "EUR")
    part = next_part(whole, [seven], Money(99_999, "EUR"))
    assert part.gross == whole.gross - seven.gross
    assert [t.rate for t in part.by_rate] == [Decimal(19)]
