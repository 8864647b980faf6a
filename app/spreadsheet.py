"""Tables as CSV files for other people's programs: one writer, so that no cell is ever taken for a formula.

Source: OWASP, "CSV Injection": a text that begins with one of `= + - @`, a tab or a carriage return is run by
spreadsheets; an apostrophe before it keeps it a text. Figures and dates are ours and stay as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from flask import Response

from .formatting import iso
from .money import Money

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> str:
    """As it stands in the file: figures with a point and no thousands, days and instants by ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Money):
        return f"{value.major:f}"
    if isinstance(value, int | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    if isinstance(value, datetime | date):
        return iso(value)
    text = str(value.value if isinstance(value, Enum) else value)
    return f"'{text}" if text.startswith(FORMULA) else text


def written(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(head)
    writer.writerows([cell(value) for value in row] for row in rows)
    return file.getvalue()


def download(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """The file `name`, to be kept; UTF-8 with its mark, without which some programs take umlauts apart."""
    answer = Response("\ufeff" + written(head, rows), content_type="text/csv; charset=utf-8")
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer
