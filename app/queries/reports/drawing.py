"""Rows of a report as a chart: a column a month, a colour a series."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask_babel import gettext as _

from ...charts import COLOURS, Chart, Series, columns, ticks
from ...formatting import money
from ...money import Money
from ..months import Month
from .asked import Asked, month_name, short_name


def monthly(
    id: str,
    title: str,
    asked: Asked,
    rows: Iterable[Any],
    *,
    name: Callable[[Any], str],
    amount: Callable[[Any], Money],
) -> Chart:
    """`name` is the series of a row. Months whose sum is below zero have no column; the table tells them."""
    found = [(row.month, name(row), amount(row).minor) for row in rows]
    months = asked.span.months
    names = _largest_first(found)
    values = {one: tuple(sum(v for m, n, v in found if m == month and n == one) for month in months) for one in names}
    if len(names) > COLOURS:
        kept, rest = names[: COLOURS - 1], names[COLOURS - 1 :]
        others = tuple(map(sum, zip(*(values[one] for one in rest), strict=True)))
        names, values = [*kept, _("All others")], {one: values[one] for one in kept} | {_("All others"): others}
    totals = [sum(max(values[one][n], 0) for one in names) for n in range(len(months))]
    series = [Series(one, values[one], tuple(_money(v, asked) for v in values[one])) for one in names]
    scale = [(value, _money(value, asked) if value else "") for value in ticks(max(totals, default=0))]
    summary = _summary(asked, months, totals)
    return columns(id, title, summary, labels=[short_name(m) for m in months], series=series, scale=scale)


def _largest_first(found: list[tuple[Month, str, int]]) -> list[str]:
    sums: dict[str, int] = {}
    for _month, name, value in found:
        sums[name] = sums.get(name, 0) + value
    return sorted(sums, key=lambda n: (-sums[n], n))


def _summary(asked: Asked, months: tuple[Month, ...], totals: list[int]) -> str:
    if not any(totals):
        return _("Nothing from %(first)s to %(last)s.", first=month_name(months[0]), last=month_name(months[-1]))
    best = max(range(len(totals)), key=lambda n: totals[n])
    return _(
        "%(sum)s from %(first)s to %(last)s, most of it in %(best)s with %(most)s.",
        sum=_money(sum(totals), asked),
        first=month_name(months[0]),
        last=month_name(months[-1]),
        best=month_name(months[best]),
        most=_money(totals[best], asked),
    )


def _money(minor: int, asked: Asked) -> str:
    return money(Money(minor, asked.currency))
