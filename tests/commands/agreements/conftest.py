"""The last day of January, from which months are counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from flask import Flask


@pytest.fixture
def in_january(app: Flask) -> Iterator[time_machine.Coordinates]:
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=False) as when:
        yield when
