"""Dates of what recurs: tables of the awkward ones, and what holds for all of them."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from app.cadence import Cadence, end_of_term
from app.models import Frequency

MONTHLY, YEARLY, WEEKLY = Cadence(Frequency.MONTHLY), Cadence(Frequency.YEARLY), Cadence(Frequency.WEEKLY)
LAST_DAYS = {  # of each month, by whether the year is a leap year
    False: (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31),
    True: (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31),
}
any_day = st.dates(date(1990, 1, 1), date(2150, 12, 31))
cadences = st.builds(Cadence, st.sampled_from(Frequency), st.integers(1, 24))


def test_the_31st_of_january_monthly_for_four_years() -> None:
    expected = [
        date(year, month, LAST_DAYS[year == 2028][month - 1]) for year in range(2026, 2030) for month in range(1, 13)
    ]
    assert MONTHLY.days(date(2026, 1, 31), 0, 48) == expected


def test_the_30th_of_january_keeps_to_the_30th() -> None:
    found = MONTHLY.days(date(2027, 1, 30), 0, 14)
    assert [day.day for day in found] == [30, 28, *[30] * 11, 29]


def test_the_29th_of_february_yearly() -> None:
    found = YEARLY.days(date(2096, 2, 29), 0, 9)  # 2100 is no leap year
    assert [(day.year, day.day) for day in found] == [
        (2096, 29),
        *((year, 28) for year in range(2097, 2104)),
        (2104, 29),
    ]


def test_quarters_and_every_second_month_from_the_end_of_a_month() -> None:
    assert Cadence(Frequency.QUARTERLY).days(date(2026, 11, 30), 0, 4) == [
        date(2026, 11, 30),
        date(2027, 2, 28),
        date(2027, 5, 30),
        date(2027, 8, 30),
    ]
    assert Cadence(Frequency.MONTHLY, 2).days(date(2026, 12, 31), 0, 3) == [
        date(2026, 12, 31),
        date(2027, 2, 28),
        date(2027, 4, 30),
    ]


@pytest.mark.parametrize(
    ("zone", "anchor", "offsets"),
    [
        ("Europe/Berlin", date(2026, 3, 22), (60, 60, 120)),  # the 29th begins in winter time and has 23 hours
        ("Europe/Berlin", date(2026, 10, 18), (120, 120, 60)),  # the 25th begins in summer time and has 25
        ("America/New_York", date(2026, 3, 1), (-300, -300, -240)),
        ("America/New_York", date(2026, 10, 25), (-240, -240, -300)),
        ("Africa/Cairo", date(2026, 4, 17), (120, 180, 180)),  # the 24th has no midnight: it begins at one
    ],
)
def test_weekly_across_both_changes_of_the_clock(zone: str, anchor: date, offsets: tuple[int, ...]) -> None:
    """The same weekday of the payer's calendar, and due from the first instant of that day where they are."""
    found = WEEKLY.days(anchor, 0, 3)
    assert {day.weekday() for day in found} == {anchor.weekday()}
    for day, minutes in zip(found, offsets, strict=True):
        instant = clock.start_of_day(day, zone)
        local = instant.astimezone(ZoneInfo(zone))
        assert local.date() == day
        assert (instant - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() == day - timedelta(days=1)
        assert local.utcoffset() == timedelta(minutes=minutes)


def test_a_day_begins_where_the_agreement_is_and_not_where_the_server_is() -> None:
    assert clock.start_of_day(date(2026, 3, 31), "Pacific/Auckland") == datetime(2026, 3, 30, 11, tzinfo=UTC)
    assert clock.start_of_day(date(2026, 3, 31), "America/Los_Angeles") == datetime(2026, 3, 31, 7, tzinfo=UTC)


@given(cadences, any_day, st.integers(-60, 200), st.integers(0, 200))
def test_periods_follow_each_other_and_every_day_lies_in_one(
    cadence: Cadence, anchor: date, n: int, ahead: int
) -> None:
    first, following = cadence.days(anchor, n, 2)
    assert first < following
    day = min(first + timedelta(days=ahead), following - timedelta(days=1))
    assert cadence.number(anchor, first) == cadence.number(anchor, day) == n


def by_the_calendar(cadence: Cadence, anchor: date, n: int) -> date:
    """The same in another way: months are numbered through, and each is asked for its last day."""
    if cadence.frequency is Frequency.WEEKLY:
        return date.fromordinal(anchor.toordinal() + 7 * cadence.every * n)
    months = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3, Frequency.YEARLY: 12}[cadence.frequency]
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months * cadence.every * n, 12)
    last = LAST_DAYS[isleap(year)][month]
    return date(year, month + 1, min(anchor.day, last))


@given(cadences, any_day, st.integers(1, 60))
def test_n_periods_forth_are_the_date_of_period_n(cadence: Cadence, anchor: date, n: int) -> None:
    day = anchor
    for _ in range(n):
        day = cadence.day(anchor, cadence.number(anchor, day) + 1)
    assert day == cadence.days(anchor, 0, n + 1)[n] == by_the_calendar(cadence, anchor, n)


@given(any_day, st.integers(0, 120))
def test_the_day_of_the_month_is_the_anchors_or_the_months_last(anchor: date, n: int) -> None:
    found = MONTHLY.day(anchor, n)
    assert found.day == anchor.day or (found.day < anchor.day and (found + timedelta(days=1)).day == 1)
    assert all(a < b for a, b in pairwise(MONTHLY.days(anchor, n, 3)))


@pytest.mark.parametrize(
    ("starts", "months", "last"),
    [
        (date(2026, 1, 1), 12, date(2026, 12, 31)),
        (date(2026, 1, 31), 1, date(2026, 2, 27)),
        (date(2024, 2, 29), 12, date(2025, 2, 27)),
    ],
)
def test_a_term_ends_the_day_before_the_next_begins(starts: date, months: int, last: date) -> None:
    assert end_of_term(starts, months) == last


def test_every_none_is_refused() -> None:
    with pytest.raises(ValueError, match="every 0"):
        Cadence(Frequency.MONTHLY, 0)
