"""Numbers of documents: taken inside the transaction that uses them, so a series has no gaps."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import bindparam

from . import upserts
from .db import db, notes, write
from .models.company import Counter

SERIES = {
    "account": "A-{:04d}",
    "quote": "Q-{:04d}",
    "order": "SO-{:04d}",
    "payment_order": "PO-{:04d}",
    "invoice": "INV-{:05d}",
    "credit_note": "CN-{:05d}",
    "receipt": "R-{:05d}",
    "dispute": "D-{:04d}",
    "agreement": "PA-{:04d}",
}
FIRST = {"quote": 2001, "order": 1001, "payment_order": 5001, "account": 301}


def take(series: str) -> str:
    """The next number; its row stays locked until the transaction ends."""
    taken: deque[int] = notes().get(("numbers", series)) or deque(_take(series, 1))
    return SERIES[series].format(taken.popleft())


@contextmanager
def ahead(series: str, many: int) -> Iterator[None]:
    """So many numbers are taken inside, with one statement. Raises RuntimeError where some were not: it would gape."""
    taken = notes()["numbers", series] = deque(_take(series, many))
    yield
    if taken:
        raise RuntimeError(f"{len(taken)} numbers of {series} were not used")


def _take(series: str, many: int) -> range:
    """The next ones; none where none are wanted."""
    if not many:
        return range(0)
    statement, first = _next(db.session.get_bind().dialect.name), FIRST.get(series, 1)
    last: int = write(statement, series=series, last=first + many - 1, many_=many).scalar_one()
    return range(last - many + 1, last + 1)


@cache
def _next(dialect: str) -> Any:
    counted = upserts.insert(dialect, Counter).on_conflict_do_update(
        index_elements=["series"], set_={"last": Counter.last + bindparam("many_")}
    )
    return counted.returning(Counter.last)


def read(text: str, series: str) -> list[str]:
    """What numbers of `series` the typed text may mean: `so1042` and `1042` are SO-1042; numbers that came along with
    an import are taken as they are. An indexed look-up each, where a search by beginnings would read the whole table.
    """
    typed = text.strip().upper()
    found = [typed] if typed else []
    parts = re.fullmatch(r"([A-Z]*)-?0*(\d{1,12})", typed)
    if parts and parts[1] in ("", SERIES[series].partition("-")[0]):
        found.append(SERIES[series].format(int(parts[2])))
    return list(dict.fromkeys(found))
