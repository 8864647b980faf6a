"""Today, by the company's calendar: the day that decides what has expired and which tax rate holds."""

from __future__ import annotations

from datetime import date

from .. import clock
from ..db import get
from ..models import Company


def selling_day() -> date:
    return clock.today(get(Company, 1).time_zone)
