"""Months by the company's calendar, as reports and filters name them: `2026-11`."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import total_ordering
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case
from sqlalchemy.orm import InstrumentedAttribute

from .. import clock
from ..values import Value

_WRITTEN = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@total_ordering
class Month(Value):
    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> Month:
        return cls(day.year, day.month)

    @classmethod
    def read(cls, text: str) -> Month | None:
        """From `2026-11`; None for anything else, and for years that no book of ours has."""
        found = _WRITTEN.fullmatch(text)
        month = cls(int(found[1]), int(found[2])) if found else None
        return month if month and 1990 <= month.year <= 2200 else None

    def plus(self, months: int) -> Month:
        count = self.year * 12 + self.number - 1 + months
        return Month(count // 12, count % 12 + 1)

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    def begins(self, zone: str) -> datetime:
        return datetime.combine(self.first, time.min, ZoneInfo(zone))

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    def __lt__(self, other: Month) -> bool:
        return (self.year, self.number) < (other.year, other.number)


def this(zone: str) -> Month:
    return Month.of(clock.today(zone))


class Span(Value):
    """Whole months, first and last included, in the company's zone."""

    first: Month
    last: Month
    zone: str

    @property
    def months(self) -> tuple[Month, ...]:
        count = (self.last.year - self.first.year) * 12 + self.last.number - self.first.number
        return tuple(self.first.plus(n) for n in range(count + 1))

    def holds(self, instant: InstrumentedAttribute[datetime]) -> ColumnElement[bool]:
        begin, end = self.first.begins(self.zone), self.last.plus(1).begins(self.zone)
        return and_(instant >= begin, instant < end)

    def month_of(self, instant: InstrumentedAttribute[datetime]) -> ColumnElement[int]:
        """Which of `months` it falls in, counted from 0: by the zone's own midnights, in either database."""
        ends = [(instant < month.plus(1).begins(self.zone), n) for n, month in enumerate(self.months)]
        return case(*ends, else_=len(ends))
