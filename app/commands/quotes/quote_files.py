"""Quotes as files: JSON, or CSV with one row a line. Reads what is there and where it stands; judges nothing.

CSV: the columns of QUOTE_COLUMNS stand in the first row of each quote (further rows leave them empty or repeat them),
those of LINE_COLUMNS in every row. `payment_plan` is written `30% signature + 70% delivery`, or with amounts and days:
`1000.00 signature + 4000.00 date 2027-03-01 offline`. JSON: a list of objects, or an object with that list as
`quotes`; each has the same keys, `lines` as a list of objects and `payment_plan` as text or as a list of objects
(`percent` or `amount`, `due`, `due_date`, `collection`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from ...values import Value

REQUIRED = ("number", "account", "expires_on", "sku", "quantity")
QUOTE_COLUMNS = (
    "number",
    "version",
    "account",
    "contact",
    "opportunity",
    "currency",
    "start_date",
    "term_months",
    "billing_frequency",
    "renewal",
    "payment_terms_days",
    "expires_on",
    "notes",
    "payment_plan",
)
LINE_COLUMNS = ("sku", "description", "quantity", "unit_price", "discount_percent", "activation_date")
STEP_COLUMNS = ("percent", "amount", "due", "due_date", "collection")
MOST_BYTES = 10_000_000


class FileProblem(Value):
    """One thing that keeps a file from being imported; `place` is a row or an entry, `column` may be empty."""

    place: str
    column: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}{', ' + self.column if self.column else ''}: {self.sentence}"


class Refused(Exception):
    """Nothing of the file was imported; says everything that is wrong with it."""

    def __init__(self, problems: list[FileProblem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Cells(Value):
    """Values by column, and where they stand. Texts are stripped; an empty one counts as not given."""

    place: str
    values: dict[str, Any]

    def get(self, column: str) -> Any:
        value = self.values.get(column)
        if isinstance(value, str):
            value = value.strip()
        return None if value == "" else value


class Entry(Value):
    """One quote of a file."""

    head: Cells
    lines: list[Cells] = msgspec.field(default_factory=list)
    steps: list[Cells] | None = None


def read(content: bytes) -> list[Entry]:
    """The quotes of a JSON or CSV file. Raises Refused."""
    if len(content) > MOST_BYTES:
        raise _refused("file", "The file is larger than 10 MB; split it.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("file", "The file is not UTF-8. Save it as “CSV UTF-8” and try again.") from None
    if not text.strip():
        raise _refused("file", "The file is empty.")
    return _json(text) if text.lstrip()[0] in "[{" else _csv(text)


def _refused(place: str, sentence: str, column: str = "") -> Refused:
    return Refused([FileProblem(place, column, sentence)])


def _json(text: str) -> list[Entry]:
    try:
        found = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise _refused(f"line {error.lineno}", f"This is not JSON: {error.msg}.") from None
    quotes = found.get("quotes") if isinstance(found, dict) else found
    if not isinstance(quotes, list):
        raise _refused("file", "There should be a list of quotes, or an object with that list as “quotes”.")
    entries = [_json_entry(i, quote) for i, quote in enumerate(quotes, 1)]
    strange = [p for e in entries for p in _strange_keys(e)]
    if strange:
        raise Refused(strange)
    return entries


def _json_entry(index: int, quote: Any) -> Entry:
    place = f"quote {index}"
    if not isinstance(quote, dict):
        raise _refused(place, "This should be an object.")
    head = {k: v for k, v in quote.items() if k != "lines"}
    plan = head.get("payment_plan")
    steps = _objects(plan, f"{place}, payment_plan") if isinstance(plan, list) else None
    if steps is not None:
        head.pop("payment_plan")
    return Entry(Cells(place, head), _objects(quote.get("lines", []), f"{place}, line"), steps)


def _objects(found: Any, place: str) -> list[Cells]:
    if not isinstance(found, list) or not all(isinstance(x, dict) for x in found):
        raise _refused(place, "There should be a list of objects.")
    return [Cells(f"{place} {i}", values) for i, values in enumerate(found, 1)]


def _strange_keys(entry: Entry) -> Iterator[FileProblem]:
    parts = [(entry.head, QUOTE_COLUMNS), *((x, LINE_COLUMNS) for x in entry.lines)]
    parts += [(x, STEP_COLUMNS) for x in entry.steps or []]
    for cells, known in parts:
        for key in cells.values:
            if key not in known:
                yield FileProblem(cells.place, key, f"There is no such field; known are {', '.join(known)}.")


def _csv(text: str) -> list[Entry]:
    header, _, _ = text.partition("\n")
    delimiter = ";" if header.count(";") > header.count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [name.strip().lower() for name in next(rows)]
        _check_header(columns)
        return _grouped(_csv_rows(rows, columns))
    except csv.Error as error:
        raise _refused(f"row {rows.line_num}", f"This is not CSV: {error}.") from None


def _check_header(columns: list[str]) -> None:
    known = (*QUOTE_COLUMNS, *LINE_COLUMNS)
    problems = [
        FileProblem("row 1", name or "(empty)", f"There is no such column; known are {', '.join(known)}.")
        for name in columns
        if name not in known
    ]
    problems += [FileProblem("row 1", n, "This column is missing.") for n in REQUIRED if n not in columns]
    problems += [FileProblem("row 1", n, "This column stands twice.") for n in set(columns) if columns.count(n) > 1]
    if problems:
        raise Refused(problems)


def _csv_rows(rows: Any, columns: list[str]) -> Iterator[Cells]:
    """Rows with something in them, each named by the row of the file where it begins."""
    start = rows.line_num + 1
    for row in rows:
        place, start = f"row {start}", rows.line_num + 1
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(columns):
            raise _refused(place, "This row has more cells than there are columns; is a quotation mark missing?")
        yield Cells(place, dict(zip(columns, row, strict=False)))


def _grouped(rows: Iterator[Cells]) -> list[Entry]:
    """Rows of one number are one quote; what they say about the quote itself must agree."""
    entries: dict[str, Entry] = {}
    problems = []
    for row in rows:
        number = row.get("number")
        if number is None:
            problems.append(FileProblem(row.place, "number", "Every row says which quote it belongs to."))
            continue
        entry = entries.setdefault(number, Entry(row))
        problems += [
            FileProblem(row.place, column, f"This differs from {entry.head.place}; leave it empty or repeat it.")
            for column in QUOTE_COLUMNS
            if row.get(column) not in (None, entry.head.get(column))
        ]
        entry.lines.append(row)
    if problems:
        raise Refused(problems)
    return list(entries.values())
