"""One clock. Instants are aware UTC; dates are in the company's time zone."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_ago: ContextVar[timedelta] = ContextVar("ago", default=timedelta(0))


def now() -> datetime:
    return datetime.now(UTC) - _ago.get()


@contextmanager
def turned_back(by: timedelta) -> Iterator[None]:
    """Within this block it is earlier: the demo company's past is lived through by the same commands as everybody's."""
    token = _ago.set(by)
    try:
        yield
    finally:
        _ago.reset(token)


def local_date(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()


def today(zone: str) -> date:
    """Today in `zone` (an IANA name); pass the company's, so that job and page agree on when a date has passed."""
    return local_date(now(), zone)


def start_of_day(day: date, zone: str) -> datetime:
    """The first instant of `day` in `zone`, in UTC; where the clock skips midnight, the one that follows the gap."""
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


def end_of_day(day: date, zone: str) -> datetime:
    """The first instant after `day` in `zone`, in UTC."""
    return start_of_day(day + timedelta(days=1), zone)
