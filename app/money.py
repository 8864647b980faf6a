"""Money in integer minor units of an ISO 4217 currency, and the arithmetic of priced lines.

Rule `half-up-1`: a line's net is quantity x unit price less its discount, rounded half up to the currency's
minor unit; tax is computed once per rate on the document's sum of nets (or, where prices include tax, taken
out of the sum of grosses) and rounded half up once. The rule's name is stored with each document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import NamedTuple

from babel.numbers import get_currency_precision

ROUNDING_RULE = "half-up-1"


class CurrencyMismatch(ValueError):
    """Two currencies met in one sum."""


@cache
def exponent(currency: str) -> int:
    """Digits after the decimal point of `currency`: EUR 2, JPY 0, KWD 3 (ISO 4217, by way of CLDR)."""
    return get_currency_precision(currency)


def round_half_up(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@dataclass(frozen=True, slots=True, order=False)
class Money:
    minor: int
    currency: str

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(0, currency)

    @classmethod
    def of(cls, major: Decimal | int | str, currency: str) -> Money:
        """From an amount in major units; raises ValueError if it has more digits than the currency."""
        scaled = Decimal(major).scaleb(exponent(currency))
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{major} has more decimals than {currency} allows")
        return cls(int(scaled), currency)

    @property
    def major(self) -> Decimal:
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def percent(self, rate: Decimal) -> Money:
        """`rate` percent of this amount, rounded half up."""
        return Money(round_half_up(self.minor * rate / 100), self.currency)

    def allocate(self, weights: Sequence[int | Decimal]) -> list[Money]:
        """Split without losing a unit, in proportion to `weights` (largest remainder, earlier share first).

        Raises ValueError for negative weights or if all are zero.
        """
        total = sum(weights, Decimal(0))
        if total <= 0 or any(w < 0 for w in weights):
            raise ValueError("weights must be non-negative and not all zero")
        sign = -1 if self.minor < 0 else 1
        amount = abs(self.minor)
        exact = [Decimal(amount) * w / total for w in weights]
        shares = [int(x) for x in exact]
        by_remainder = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
        for i in by_remainder[: amount - sum(shares)]:
            shares[i] += 1
        return [Money(sign * s, self.currency) for s in shares]


def total(amounts: Iterable[Money], currency: str) -> Money:
    return sum(amounts, Money.zero(currency))


class PricedLine(NamedTuple):
    """What pricing needs of a line: quantity (<= 3 decimals), unit price in major units (<= 4), percents."""

    quantity: Decimal
    unit_price: Decimal
    discount_percent: Decimal
    tax_rate: Decimal


@dataclass(frozen=True, slots=True)
class TaxTotal:
    rate: Decimal
    base: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class Totals:
    net: Money
    tax: Money
    gross: Money
    by_rate: tuple[TaxTotal, ...]


def line_amount(line: PricedLine, currency: str) -> Money:
    """The line's amount as priced (net, or gross where prices include tax), rounded half up once."""
    return Money(_line_minor(line, currency), currency)


def _line_minor(line: PricedLine, currency: str) -> int:
    exact = line.quantity * line.unit_price * (100 - line.discount_percent) / 100
    return round_half_up(exact.scaleb(exponent(currency)))


def totals(lines: Iterable[PricedLine], currency: str, *, prices_include_tax: bool = False) -> Totals:
    sums: dict[Decimal, int] = {}
    for line in lines:
        sums[line.tax_rate] = sums.get(line.tax_rate, 0) + _line_minor(line, currency)
    by_rate = tuple(
        _tax_total(rate, Money(sums[rate], currency), prices_include_tax) for rate in sorted(sums, reverse=True)
    )
    net = total((t.base for t in by_rate), currency)
    tax = total((t.tax for t in by_rate), currency)
    return Totals(net=net, tax=tax, gross=net + tax, by_rate=by_rate)


def _tax_total(rate: Decimal, amount: Money, included: bool) -> TaxTotal:
    if not included:
        return TaxTotal(rate, amount, amount.percent(rate))
    tax = Money(round_half_up(amount.minor * rate / (100 + rate)), amount.currency)
    return TaxTotal(rate, amount - tax, tax)
