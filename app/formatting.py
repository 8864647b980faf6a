"""Money, numbers, dates and times as people read them, by the reader's locale and the company's time zone.

Template filters, all written as `{{ value|money }}`; formatting a figure is cached because a page of forty
lines repeats it two hundred times and CLDR patterns are slow to apply.
"""

from copy import copy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from flask import Flask
from flask_babel import get_locale, gettext

from .clock import now
from .money import Money, exponent
from .navigation import company


def N_(word: str) -> str:
    """Marks `word` for extraction only."""
    return word


# English strings are the source language; their dates and figures are written the international way.
_SOURCE_LOCALE = Locale("en", "GB")


def _locale() -> Locale:
    locale = get_locale()
    if locale is None or (locale.language == "en" and locale.territory is None):
        return _SOURCE_LOCALE
    return locale


def _zone() -> ZoneInfo:
    """The company's: everybody who works on an order talks about the same day."""
    seller = company()
    return ZoneInfo(seller.time_zone if seller else "UTC")


@lru_cache(maxsize=8192)
def _money(minor: int, currency: str, locale: Locale) -> str:
    return numbers.format_currency(Decimal(minor).scaleb(-exponent(currency)), currency, locale=locale)


def money(amount: Money) -> str:
    """`€48,210.00`, `¥1,200`: always with its currency."""
    return _money(amount.minor, amount.currency, _locale())


@lru_cache(maxsize=8192)
def _price(value: Decimal, currency: str, locale: Locale) -> str:
    digits = max(exponent(currency), -int(value.normalize().as_tuple().exponent))
    pattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (exponent(currency), digits)
    return pattern.apply(value, locale, currency=currency, currency_digits=False)


def price(value: Decimal, currency: str) -> str:
    """A unit price in major units with up to four decimals, `€0.0125`; at least the currency's own digits."""
    return _price(value, currency, _locale())


@lru_cache(maxsize=4096)
def _decimal(value: Decimal, locale: Locale) -> str:
    return numbers.format_decimal(value.normalize(), locale=locale, decimal_quantization=False)


def quantity(value: Decimal | int) -> str:
    """`120`, `2.5`: no trailing zeros."""
    return _decimal(Decimal(value), _locale())


def percent(value: Decimal | int) -> str:
    """From percent units, as rates are stored: `19%` for 19, `7.7%` for 7.7."""
    return numbers.format_percent(Decimal(value) / 100, locale=_locale(), decimal_quantization=False)


@lru_cache(maxsize=1024)
def _date(day: date, style: str, locale: Locale) -> str:
    return dates.format_date(day, style, locale=locale)


def day(value: date | datetime) -> str:
    """`1 Dec 2026`; an instant is dated in the company's time zone."""
    return _date(_local(value).date() if isinstance(value, datetime) else value, "medium", _locale())


def clock_time(value: datetime) -> str:
    """`10:42`."""
    return dates.format_time(_local(value), "short", tzinfo=None, locale=_locale())


def moment(value: datetime) -> str:
    """The exact time, for hovering over a relative one: `21 November 2026, 10:42:07 CET`."""
    local, locale = _local(value), _locale()
    zone = dates.get_timezone_name(local, "short", locale=locale)
    return f"{_date(local.date(), 'long', locale)}, {local:%H:%M:%S} {zone}"


def ago(value: datetime) -> str:
    """`just now`, `2 hours ago`, `Yesterday 16:08`, `18 Nov 16:08`, `18 Nov 2025`; `in 5 days` ahead."""
    elapsed = now() - value
    if abs(elapsed) < timedelta(minutes=1):
        return gettext("just now")
    if elapsed < timedelta(0) or elapsed < timedelta(hours=12):
        return dates.format_timedelta(-elapsed, add_direction=True, threshold=1, locale=_locale())
    return _past(_local(value), _local(now()).date())


def _past(local: datetime, today: date) -> str:
    days = (today - local.date()).days
    if days == 0:
        return clock_time(local)
    if days == 1:
        return gettext("Yesterday %(time)s", time=clock_time(local))
    if local.year != today.year:
        return _date(local.date(), "medium", _locale())
    return f"{dates.format_skeleton('MMMd', local, locale=_locale())} {clock_time(local)}"


_PERIODS = {
    "weekly": (N_("weekly"), N_("per week")),
    "monthly": (N_("monthly"), N_("per month")),
    "quarterly": (N_("quarterly"), N_("per quarter")),
    "yearly": (N_("yearly"), N_("per year")),
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
    return f"{numbers.format_decimal(round(size, 1 if size < 10 else 0), locale=_locale())} {unit}"


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
    "initials": initials,
}


def language() -> str:
    """For `<html lang>`."""
    return str(_locale()).replace("_", "-")


def register(app: Flask) -> None:
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.globals["language"] = language
