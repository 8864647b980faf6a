"""Numbers of documents: taken inside the transaction that uses them, so a series has no gaps."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from .db import db, write
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
    statement = _next(db.session.get_bind().dialect.name)
    return SERIES[series].format(write(statement, series=series, last=FIRST.get(series, 1)).scalar_one())


@cache
def _next(dialect: str) -> Any:
    insert = pg_insert if dialect == "postgresql" else sqlite_insert
    counted = insert(Counter).on_conflict_do_update(index_elements=["series"], set_={"last": Counter.last + 1})
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
