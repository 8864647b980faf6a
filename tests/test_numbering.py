"""Numbers without gaps or doubles, whoever takes them at once and whoever fails in between."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from app import numbering
from app.db import transaction
from tests.racing import race

pytestmark = pytest.mark.engines


def takers(times: int) -> list[Callable[[], str]]:
    """Every third one takes a number and then fails."""

    def take(fails: bool) -> str:
        with transaction():
            number = numbering.take("invoice")
            if fails:
                raise ZeroDivisionError
        return number

    return [lambda fails=n % 3 == 2: take(fails) for n in range(times)]  # type: ignore[misc]


def test_eight_at_once_leave_no_gap(any_app: Flask) -> None:
    results = [r for _ in range(3) for r in race(any_app, takers(8))]
    numbers = sorted(r for r in results if isinstance(r, str))
    failures = [r for r in results if isinstance(r, Exception)]
    assert {type(f) for f in failures} == {ZeroDivisionError}
    assert numbers == [f"INV-{n:05d}" for n in range(1, len(numbers) + 1)]


def test_control_numbers_read_without_holding_them_collide(any_app: Flask) -> None:
    def peek(series: str) -> str:
        with transaction() as session:
            last = session.execute(text("SELECT COALESCE(MAX(last), 0) FROM counter")).scalar_one()
        time.sleep(0.05)
        return numbering.SERIES[series].format(last + 1)

    results = race(any_app, [lambda: peek("invoice")] * 4)
    assert len(set(results)) < 4
