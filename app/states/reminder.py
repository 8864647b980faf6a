"""When an unpaid invoice is reminded of: days counted from the day it is due, below zero before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

EARLIEST, LATEST, MOST_STEPS = -30, 90, 8

# A step that could not be taken on its day is made up for within so many days; then it is too old to be of use, so that
# whoever switches reminders on does not write to everybody who ever owed anything.
MADE_UP_FOR = 14

# After any reminder, another one by hand waits so long: two colleagues, or two tabs, remind once. The clock's next one
# waits until the next day, so that nobody gets one by hand and one by the clock on one day.
QUIET = timedelta(hours=1)


def parse(text: str) -> tuple[int, ...]:
    """`-3, 1, 7, 14` as numbers in their order. Raises ValueError where it is no such list."""
    days = tuple(sorted(int(part) for part in text.split(",")))
    if not 1 <= len(days) <= MOST_STEPS or len(set(days)) != len(days):
        raise ValueError(text)
    if not all(EARLIEST <= day <= LATEST for day in days):
        raise ValueError(text)
    return days


def due_step(days: Sequence[int], issued_on: date, due_on: date, today: date, sent: Sequence[int] = ()) -> int | None:
    """The newest step whose day has come: only that one, however many were missed; None where it or a later one was
    sent, where it is too old, or where the invoice itself came no earlier than on that day."""
    late, told = (today - due_on).days, (issued_on - due_on).days
    step = max((day for day in days if day <= late), default=None)
    if step is None or step <= told or late - step > MADE_UP_FOR or any(day >= step for day in sent):
        return None
    return step


def coming(
    days: Sequence[int], issued_on: date, due_on: date, today: date, sent: Sequence[int] = ()
) -> list[tuple[int, date]]:
    """The steps ahead, each with its day; one that is due now counts as of today."""
    now, past = due_step(days, issued_on, due_on, today, sent), (max(today, issued_on) - due_on).days
    ahead = [day for day in days if day > past and not any(x >= day for x in sent)]
    first = [(now, today)] if now is not None else []
    return first + [(day, due_on + timedelta(days=day)) for day in ahead]
