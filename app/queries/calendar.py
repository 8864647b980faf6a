"""Today, by the company's calendar: the day that decides what has expired and which tax rate holds."""

from __future__ import annotations

from datetime import date

from .. import clock
from ..db import db
from ..models import Company


def selling_day() -> date:
    seller = db.session.get(Company, 1)
    return clock.today(seller.time_zone if seller else "UTC")  # the clock looks before there is a seller
