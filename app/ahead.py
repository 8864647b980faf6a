"""New rows that know their ids before they are written, so that many are written with one statement, and nothing is
asked in between."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.orm import Session

from .db import Base, _key, _opened, db, insert_new

M = TypeVar("M", bound=Base)


def number_ahead(*models: type[Base]) -> None:
    """From here to the end of the transaction new rows of these models wait, until somebody reads, and are then written
    in this order: whatever is named comes before who names it. A row that is there already then fails the transaction,
    and is not passed over by `insert_key` and `insert_new`: the caller does such rows one by one."""
    opened = _opened("number_ahead")
    if opened.connection.dialect.name == "sqlite":  # nobody else writes meanwhile
        last = opened.connection.execute(_last_ids(models)).one()
        opened.ids |= {model: itertools.count((id or 0) + 1) for model, id in zip(models, last, strict=True)}
    else:
        opened.ids |= {model: _ids(opened.connection, model.__tablename__) for model in models}
    opened.unwritten |= {model: [] for model in models}


@cache
def _last_ids(models: tuple[type[Base], ...]) -> Any:
    return select(*(select(func.max(_key(model))).scalar_subquery() for model in models))


def _ids(connection: Connection, table: str) -> Iterator[int]:
    """A sequence of PostgreSQL gives none twice."""
    take = text(
        "WITH its AS MATERIALIZED (SELECT CAST(pg_get_serial_sequence(format('%I', CAST(:name AS text)), 'id') AS "
        "regclass) AS series) SELECT nextval(its.series) FROM its, generate_series(1, 100)"
    )
    while True:
        yield from connection.execute(take, {"name": table}).scalars().all()


def is_numbered_ahead(model: type[Base]) -> bool:
    return model in _opened("is_numbered_ahead").ids


@event.listens_for(Session, "transient_to_pending")
def _number(session: Session, row: Any) -> None:
    opened = session.info.get("open")
    if opened is not None and (ids := opened.ids.get(type(row))) is not None and row.id is None:
        row.id = next(ids)


def new(model: type[M], **values: Any) -> M:
    """A row to be written: one that waits, where its model is numbered ahead, else one of the session's own. Among the
    values may be the entities that a relation leads to, beside their ids."""
    if is_numbered_ahead(model) and (made := insert_new(model, **values)) is not None:
        return made
    row = model(**values)
    db.session.add(row)
    return row
