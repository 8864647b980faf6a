"""Numbers of documents: taken inside the transaction that uses them, so a series has no gaps."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from .db import db
from .models.company import Counter

SERIES = {
    "account": "A-{:04d}",
    "quote": "Q-{:04d}",
    "order": "SO-{:04d}",
    "payment_order": "PO-{:04d}",
    "invoice": "INV-{:05d}",
    "receipt": "R-{:05d}",
}
FIRST = {"quote": 2001, "order": 1001, "payment_order": 5001, "account": 301}


def take(series: str) -> str:
    """The next number; its row stays locked until the transaction ends."""
    dialect = db.session.get_bind().dialect.name
    insert = pg_insert if dialect == "postgresql" else sqlite_insert
    statement = insert(Counter).values(series=series, last=FIRST.get(series, 1))
    statement = statement.on_conflict_do_update(index_elements=["series"], set_={"last": Counter.last + 1})
    number = db.session.execute(statement.returning(Counter.last)).scalar_one()
    return SERIES[series].format(number)
