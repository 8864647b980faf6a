"""When what recurs is due: every date is counted from the anchor, never from the date before it, so none drifts."""

from __future__ import annotations

from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from .models.catalog import Frequency
from .values import Value

STEPS = {
    Frequency.WEEKLY: relativedelta(weeks=1),
    Frequency.MONTHLY: relativedelta(months=1),
    Frequency.QUARTERLY: relativedelta(months=3),
    Frequency.YEARLY: relativedelta(years=1),
}


class Cadence(Value):
    """Every so many weeks, months, quarters or years."""

    frequency: Frequency
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every {self.every} {self.frequency}")

    def day(self, anchor: date, n: int) -> date:
        """The first day of period `n`, counted from nought; periods before the anchor have negative numbers.

        The anchor's day of the month is kept where the month has it, and is else the month's last: of 31 January it is
        28 February, then 31 March again.
        """
        return anchor + STEPS[self.frequency] * (self.every * n)

    def number(self, anchor: date, day: date) -> int:
        """Of the period that `day` lies in: the inverse of `day`, for each of its days."""
        guess = (day - anchor).days // self._most_days
        while self.day(anchor, guess + 1) <= day:
            guess += 1
        while self.day(anchor, guess) > day:
            guess -= 1
        return guess

    def days(self, anchor: date, first: int, count: int) -> list[date]:
        """`count` first days, from that of period `first`."""
        return [self.day(anchor, n) for n in range(first, first + count)]

    @property
    def _most_days(self) -> int:
        most = {Frequency.WEEKLY: 7, Frequency.MONTHLY: 31, Frequency.QUARTERLY: 92, Frequency.YEARLY: 366}
        return most[self.frequency] * self.every


def end_of_term(starts: date, months: int) -> date:
    """The last day of a term of so many months. A month too short ends on its last day."""
    return starts + relativedelta(months=months) - timedelta(days=1)
