"""Money, numbers, dates and times as people read them, by the reader's locale and the company's time zone.

Template filters, all written as `{{ value|money }}`; formatting a figure is cached because a page of forty
lines repeats it two hundred times and CLDR patterns are slow to apply.
"""

import re
from copy import copy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from unicodedata import bidirectional
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from flask import Flask, g
from flask_babel import LazyString, gettext

from .clock import now
from .language import locale, marked
from .money import Money, exponent
from .navigation import company

CODE_BEFORE_FIGURE = re.compile(r"(?<=[A-Za-z])(?=\d)")


def _zone() -> ZoneInfo:
    """The company's: everybody who works on an order talks about the same day."""
    try:
        return g.zone
    except AttributeError:
        seller = company()
        g.zone = ZoneInfo(seller.time_zone if seller else "UTC")
        return g.zone


def _spaced(amount: str) -> str:
    """`CHF 12.00`: a code stands apart from its figure, a sign does not. Source: CLDR, currencySpacing, which Babel
    leaves out."""
    return CODE_BEFORE_FIGURE.sub("\u00a0", amount)


@lru_cache(maxsize=8192)
def _money(minor: int, currency: str, where: Locale) -> str:
    digits = exponent(currency)
    return _pattern(Decimal(minor).scaleb(-digits), currency, (digits, digits), where)


def _pattern(value: Decimal, currency: str, digits: tuple[int, int], where: Locale) -> str:
    """With the least and the most decimals that we say; CLDR's own count is not ISO 4217's for every currency."""
    pattern = copy(where.currency_formats["standard"])
    pattern.frac_prec = digits
    return _spaced(pattern.apply(value, where, currency=currency, currency_digits=False))


def money(amount: Money) -> str:
    """`€48,210.00`, `¥1,200`: always with its currency."""
    return _money(amount.minor, amount.currency, locale())


@lru_cache(maxsize=8192)
def _price(value: Decimal, currency: str, where: Locale) -> str:
    digits = max(exponent(currency), -int(value.normalize().as_tuple().exponent))
    return _pattern(value, currency, (exponent(currency), digits), where)


def price(value: Decimal, currency: str) -> str:
    """A unit price in major units with up to four decimals, `€0.0125`; at least the currency's own digits."""
    return _price(value, currency, locale())


@lru_cache(maxsize=4096)
def _decimal(value: Decimal, where: Locale) -> str:
    return numbers.format_decimal(value.normalize(), locale=where, decimal_quantization=False)


def quantity(value: Decimal | int) -> str:
    """`120`, `2.5`: no trailing zeros."""
    return _decimal(Decimal(value), locale())


@lru_cache(maxsize=1024)
def _percent(value: Decimal, locale: Locale) -> str:
    return numbers.format_percent(value / 100, locale=locale, decimal_quantization=False)


def percent(value: Decimal | int) -> str:
    """From percent units, as rates are stored: `19%` for 19, `7.7%` for 7.7."""
    return _percent(Decimal(value), locale())


@lru_cache(maxsize=1024)
def _date(day: date, style: str, where: Locale) -> str:
    return dates.format_date(day, style, locale=where)


def day(value: date | datetime) -> str:
    """`1 Dec 2026`; an instant is dated in the company's time zone."""
    return _date(_local(value).date() if isinstance(value, datetime) else value, "medium", locale())


def clock_time(value: datetime) -> str:
    """`10:42`."""
    return dates.format_time(_local(value), "short", tzinfo=None, locale=locale())


def moment(value: datetime) -> str:
    """The exact time, for hovering over a relative one: `21 November 2026, 10:42:07 CET`."""
    local, where = _local(value), locale()
    zone = dates.get_timezone_name(local, "short", locale=where)
    return f"{_date(local.date(), 'long', where)}, {local:%H:%M:%S} {zone}"


def ago(value: datetime) -> str:
    """`just now`, `2 hours ago`, `Yesterday 16:08`, `18 Nov 16:08`, `18 Nov 2025`; `in 5 days` ahead."""
    elapsed = now() - value
    if abs(elapsed) < timedelta(minutes=1):
        return gettext("just now")
    if elapsed < timedelta(0) or elapsed < timedelta(hours=12):
        return dates.format_timedelta(-elapsed, add_direction=True, threshold=1, locale=locale())
    return _past(_local(value), _local(now()).date())


def _past(local: datetime, today: date) -> str:
    days = (today - local.date()).days
    if days == 0:
        return clock_time(local)
    if days == 1:
        return gettext("Yesterday %(time)s", time=clock_time(local))
    if local.year != today.year:
        return _date(local.date(), "medium", locale())
    return f"{dates.format_skeleton('MMMd', local, locale=locale())} {clock_time(local)}"


_PERIODS = {
    "weekly": (marked("weekly"), marked("per week")),
    "monthly": (marked("monthly"), marked("per month")),
    "quarterly": (marked("quarterly"), marked("per quarter")),
    "yearly": (marked("yearly"), marked("per year")),
}


def frequency(value: str | None) -> str:
    """`monthly`; `one-time` for a line that does not recur."""
    return gettext(_PERIODS[value][0] if value else "one-time")


def per(value: str) -> str:
    """`per month`."""
    return gettext(_PERIODS[value][1])


def iso(value: date | datetime) -> str:
    """For `<time datetime>`; instants in UTC to the second."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value.isoformat()


def file_size(octets: int) -> str:
    """`312 kB`, `4.1 MB`."""
    size, unit = (octets / 1_000_000, "MB") if octets >= 1_000_000 else (max(octets / 1000, 0.1), "kB")
    return f"{numbers.format_decimal(round(size, 1 if size < 10 else 0), locale=locale())} {unit}"


def isolated(text: str) -> str:
    """A name that is written from right to left, set apart so that it turns nothing round it and nothing turns it.
    Source: Unicode UAX #9, first strong isolate. For paper alone: a browser has `dir="auto"`."""
    leftwards = any(bidirectional(letter) in ("R", "AL") for letter in text)
    return f"\u2068{text}\u2069" if leftwards else text


def initials(name: str) -> str:
    """`DR` for Dana Reyes."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


def _local(value: datetime) -> datetime:
    return value.astimezone(_zone())


FILTERS = {
    "money": money,
    "price": price,
    "quantity": quantity,
    "percent": percent,
    "date": day,
    "time": clock_time,
    "datetime": moment,
    "ago": ago,
    "frequency": frequency,
    "per": per,
    "iso": iso,
    "file_size": file_size,
    "isolated": isolated,
    "initials": initials,
}


def is_words(value: object) -> bool:
    """A sentence, translated yet or not: what is left of a form's errors without those of its parts."""
    return isinstance(value, str | LazyString)


def register(app: Flask) -> None:
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.tests["words"] = is_words
