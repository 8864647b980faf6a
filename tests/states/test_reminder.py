"""The days of reminders, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from app.states import reminder

ISSUED, DUE = date(2027, 2, 24), date(2027, 3, 10)
DAYS = (-3, 1, 7, 14)


@pytest.mark.parametrize(
    ("late", "sent", "step"),
    [
        (-4, (), None),
        (-3, (), -3),
        (-2, (), -3),  # a night without a clock: made up for
        (-3, (-3,), None),
        (0, (-3,), None),
        (1, (-3,), 1),
        (1, (1,), None),
        (8, (), 7),  # a week's outage: only the newest of three
        (8, (7,), None),
        (14, (-3, 1, 7), 14),
        (14, (14,), None),
        (28, (-3,), 14),
        (29, (-3,), None),  # too old to be made up for
        (400, (), None),
    ],
)
def test_which_step_is_due(late: int, sent: Sequence[int], step: int | None) -> None:
    assert reminder.due_step(DAYS, ISSUED, DUE, DUE + timedelta(days=late), sent) == step


def test_a_changed_policy_never_goes_back_to_an_earlier_step() -> None:
    assert reminder.due_step((1, 3), ISSUED, DUE, DUE + timedelta(days=8), sent=[7]) is None
    assert reminder.due_step((1, 10), ISSUED, DUE, DUE + timedelta(days=10), sent=[7]) == 10


def test_what_comes_next() -> None:
    found = reminder.coming(DAYS, ISSUED, DUE, DUE + timedelta(days=2), sent=[-3])
    assert found == [(1, date(2027, 3, 12)), (7, date(2027, 3, 17)), (14, date(2027, 3, 24))]
    assert reminder.coming(DAYS, ISSUED, DUE, DUE + timedelta(days=15), sent=[14]) == []


def test_an_invoice_is_not_reminded_of_on_its_own_day_or_one_before() -> None:
    for issued_on in (DUE, DUE - timedelta(days=3)):
        assert reminder.due_step(DAYS, issued_on, DUE, issued_on) is None
        assert [step for step, _ in reminder.coming(DAYS, issued_on, DUE, issued_on)] == [1, 7, 14]
    assert reminder.due_step(DAYS, DUE - timedelta(days=4), DUE, DUE) == -3
    assert reminder.coming((0, 2), DUE, DUE, DUE) == [(2, date(2027, 3, 12))]


@pytest.mark.parametrize("text", ["", "1,,2", "a", "1, 1", "-31", "91", "1.5", ",".join(map(str, range(9)))])
def test_what_is_no_list_of_days(text: str) -> None:
    with pytest.raises(ValueError):
        reminder.parse(text)


def test_days_are_read_in_any_order() -> None:
    assert reminder.parse("14, -3,1 ,7") == DAYS
