"""Today, by the company's calendar: the day that decides what has expired and which tax rate holds; and counting
days."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Boolean, Date
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from .. import clock
from ..db import db
from ..models import Company


def selling_day() -> date:
    seller = db.session.get(Company, 1)
    return clock.today(seller.time_zone if seller else "UTC")  # the clock looks before there is a seller


class days_after(FunctionElement[date]):
    """`days_after(Invoice.due_date, 3)`: the day so many days later, earlier below zero, in either database's words."""

    name = "days_after"
    type = Date()
    inherit_cache = True


@compiles(days_after)
def _sqlite(element: days_after, compiler: Any, **kw: Any) -> str:
    day, count = (compiler.process(part, **kw) for part in element.clauses)
    return f"date({day}, {count} || ' days')"


@compiles(days_after, "postgresql")
def _postgresql(element: days_after, compiler: Any, **kw: Any) -> str:
    day, count = (compiler.process(part, **kw) for part in element.clauses)
    return f"({day} + CAST({count} AS integer))"


class within_a_day(FunctionElement[bool]):
    """`within_a_day(Allocation.at, Receipt.at)`: the first comes less than 24 hours after the second."""

    name = "within_a_day"
    type = Boolean()
    inherit_cache = True


@compiles(within_a_day)
def _sqlite_within(element: within_a_day, compiler: Any, **kw: Any) -> str:
    later, earlier = (compiler.process(part, **kw) for part in element.clauses)
    return f"julianday({later}) < julianday({earlier}) + 1"


@compiles(within_a_day, "postgresql")
def _postgresql_within(element: within_a_day, compiler: Any, **kw: Any) -> str:
    later, earlier = (compiler.process(part, **kw) for part in element.clauses)
    return f"{later} < {earlier} + INTERVAL '24 hours'"
