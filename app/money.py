"""Money in integer minor units of an ISO 4217 currency, and the arithmetic of priced lines.

Rule `half-up-1`: a line's net is quantity x unit price less its discount, rounded half up to the currency's
minor unit; tax is computed once per rate on the document's sum of nets (or, where prices include tax, taken
out of the sum of grosses) and rounded half up once. The rule's name is stored with each document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import NamedTuple

from babel.numbers import list_currencies

from .values import Value

ROUNDING_RULE = "half-up-1"

# ISO 4217:2015, table A.1: the currencies whose minor unit is not a hundredth. CLDR counts some others the way cash
# is rounded (RSD 0, IQD 0), which is not how banks and processors count them.
_TABLE = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DIGITS = {digits: codes.split() for digits, codes in _TABLE.items()}
# Table A.1 lists these as having no minor unit: metals, units of account, codes for tests.
UNCOUNTED = frozenset(["XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"])

# The codes themselves are CLDR's, withdrawn ones among them: old records stay readable.
CURRENCIES = frozenset(list_currencies()) - UNCOUNTED
_EXPONENTS = {code: digits for digits, codes in DIGITS.items() for code in codes}


class CurrencyMismatch(ValueError):
    """Two currencies met in one sum."""


class UnknownCurrency(ValueError):
    """A code that ISO 4217 gives no minor unit, so that no amount of it can be counted."""


@cache
def exponent(currency: str) -> int:
    """Digits after the decimal point of `currency` by ISO 4217: EUR 2, JPY 0, KWD 3. Raises UnknownCurrency."""
    if currency not in CURRENCIES:
        raise UnknownCurrency(f"{currency} is no currency")
    return _EXPONENTS.get(currency, 2)


def round_half_up(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


class Money(Value):
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


class TaxTotal(Value):
    rate: Decimal
    base: Money
    tax: Money

    @property
    def gross(self) -> Money:
        return self.base + self.tax


class Totals(Value):
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
    taxes = (_tax_total(rate, Money(sums[rate], currency), prices_include_tax) for rate in sorted(sums, reverse=True))
    return _summed(taxes, currency)


def shares(lines: Sequence[PricedLine], currency: str, *, prices_include_tax: bool = False) -> list[Money]:
    """What each line has of the total, tax included: together exactly what `totals` makes of all of them. Each rate's
    tax is rounded once, so that a line's own tax may differ from its share by a unit."""
    found = [Money.zero(currency)] * len(lines)
    for tax in totals(lines, currency, prices_include_tax=prices_include_tax).by_rate:
        places = [n for n, line in enumerate(lines) if line.tax_rate == tax.rate]
        weights = [_line_minor(lines[n], currency) for n in places]
        if any(weights):
            for n, share in zip(places, tax.gross.allocate(weights), strict=True):
                found[n] = share
    return found


def together(taxes: Iterable[TaxTotal], currency: str) -> Totals:
    """Sums of several documents as one, each rate once, the highest first."""
    found = _by_rate(taxes, currency)
    return _summed((found[rate] for rate in sorted(found, reverse=True)), currency)


def _summed(taxes: Iterable[TaxTotal], currency: str) -> Totals:
    by_rate = tuple(taxes)
    net = total((t.base for t in by_rate), currency)
    tax = total((t.tax for t in by_rate), currency)
    return Totals(net=net, tax=tax, gross=net + tax, by_rate=by_rate)


def _tax_total(rate: Decimal, amount: Money, included: bool) -> TaxTotal:
    if not included:
        return TaxTotal(rate, amount, amount.percent(rate))
    tax = Money(round_half_up(amount.minor * rate / (100 + rate)), amount.currency)
    return TaxTotal(rate, amount - tax, tax)


def next_part(whole: Totals, billed: Iterable[TaxTotal], amount: Money) -> Totals:
    """What is invoiced next of `whole` for `amount`, gross, where `billed` is invoiced already; never more than is
    left.

    Each rate gives its share of what is left of it, and its tax is what that comes to on all that is then invoiced
    less what was before: whatever the parts, they add up to `whole` per rate, and the last takes what is left. Parts
    that are older than a change of `whole` may have taken more of a rate than it still has; then the others give.
    """
    before = _by_rate(billed, amount.currency)
    taken = min(amount, whole.gross - total((t.gross for t in before.values()), amount.currency))
    if taken.minor <= 0:
        return _summed((), amount.currency)
    done = [before.get(t.rate) or _nothing(t.rate, amount.currency) for t in whole.by_rate]
    left = [max(t.gross.minor - d.gross.minor, 0) for t, d in zip(whole.by_rate, done, strict=True)]
    parts = zip(whole.by_rate, done, taken.allocate(left), strict=True)
    return _summed((_part(t, d, share) for t, d, share in parts if share), amount.currency)


def left_of(whole: Totals, billed: Iterable[TaxTotal]) -> Totals:
    """What of `whole` is not in `billed`, exactly, rate by rate; a rate that gave more than it has is below zero."""
    currency = whole.net.currency
    before = _by_rate(billed, currency)
    of = {t.rate: t for t in whole.by_rate}
    rates = sorted(of.keys() | {rate for rate, t in before.items() if t.base or t.tax}, reverse=True)
    none = {rate: _nothing(rate, currency) for rate in rates}
    pairs = ((of.get(rate, none[rate]), before.get(rate, none[rate])) for rate in rates)
    return _summed((TaxTotal(t.rate, t.base - d.base, t.tax - d.tax) for t, d in pairs), currency)


def _by_rate(taxes: Iterable[TaxTotal], currency: str) -> dict[Decimal, TaxTotal]:
    found: dict[Decimal, TaxTotal] = {}
    for t in taxes:
        sofar = found.get(t.rate) or _nothing(t.rate, currency)
        found[t.rate] = TaxTotal(t.rate, sofar.base + t.base, sofar.tax + t.tax)
    return found


def _nothing(rate: Decimal, currency: str) -> TaxTotal:
    return TaxTotal(rate, Money.zero(currency), Money.zero(currency))


def _part(whole: TaxTotal, done: TaxTotal, share: Money) -> TaxTotal:
    then = Decimal((done.gross + share).minor) * whole.tax.minor / whole.gross.minor
    tax = Money(min(max(round_half_up(then) - done.tax.minor, 0), share.minor), share.currency)
    return TaxTotal(whole.rate, share - tax, tax)
