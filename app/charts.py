"""Charts as plain geometry, drawn on the server by `components/charts.html`: columns by month, stacked by series.

Across they are measured in percent of their room, upwards in pixels: so they fit a phone without shrinking their words.
"""

from __future__ import annotations

from collections.abc import Sequence

from .values import Value

HEIGHT = 160
ABOVE = 18  # room for the topmost figure
BELOW = 22  # room for the labels
STEPS = 4
COLOURS = 6  # as many as css/staff.css knows; the last one is for all the rest


class Series(Value):
    """`values` stand one to a label, and are never below zero; `written` are the same in words."""

    name: str
    values: tuple[int, ...]
    written: tuple[str, ...]


class Box(Value):
    """One piece of a column. `says` is its tooltip."""

    x: float
    width: float
    y: float
    height: float
    colour: int
    says: str


class Label(Value):
    x: float
    text: str


class Line(Value):
    y: float
    text: str


class Chart(Value):
    id: str
    title: str
    summary: str
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
    lines: tuple[Line, ...]
    legend: tuple[tuple[int, str], ...]

    height = ABOVE + HEIGHT + BELOW
    floor = ABOVE + HEIGHT


def columns(
    id: str,
    title: str,
    summary: str,
    *,
    labels: Sequence[str],
    series: Sequence[Series],
    scale: Sequence[tuple[int, str]],
) -> Chart:
    """`scale` are the values of the lines across with their words, the highest of them the top; see `ticks`."""
    top = max((value for value, _ in scale), default=0) or 1
    slot = 100 / max(len(labels), 1)
    boxes: list[Box] = []
    for n, label in enumerate(labels):
        below = 0
        for colour, one in enumerate(series):
            value = one.values[n]
            if value > 0:
                tall = HEIGHT * value / top
                y = ABOVE + HEIGHT - HEIGHT * below / top - tall
                says = f"{label}, {one.name}: {one.written[n]}"
                x, width = slot * n + slot * 0.2, slot * 0.6
                boxes.append(Box(x, width, round(y, 2), round(tall, 2), min(colour, COLOURS - 1), says))
                below += value
    every = max(1, -(-len(labels) // 8))
    shown = tuple(Label(slot * n + slot / 2, text) for n, text in enumerate(labels) if n % every == 0)
    lines = tuple(Line(round(ABOVE + HEIGHT - HEIGHT * value / top, 2), text) for value, text in scale)
    legend = tuple((min(n, COLOURS - 1), one.name) for n, one in enumerate(series))
    return Chart(id, title, summary, tuple(boxes), shown, lines, legend)


def ticks(highest: int) -> tuple[int, ...]:
    """Round values from zero to just above `highest`, few of them: 0, 5000, 10000."""
    if highest <= 0:
        return (0, 1)
    step = 1
    while True:
        for factor in (1, 2, 5):
            if highest <= step * factor * STEPS:
                size = step * factor
                return tuple(size * n for n in range(-(-highest // size) + 1))
        step *= 10
