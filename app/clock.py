"""One clock. Instants are aware UTC; dates are in the company's time zone."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    return datetime.now(UTC)


def local_date(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()


def today(zone: str) -> date:
    """Today in `zone` (an IANA name); pass the company's, so that job and page agree on when a date has passed."""
    return local_date(now(), zone)


def end_of_day(day: date, zone: str) -> datetime:
    """The first instant after `day` in `zone`, in UTC."""
    from datetime import time, timedelta

    return datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(zone)).astimezone(UTC)
