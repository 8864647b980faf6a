"""What the page of payment operations shows, as frozen data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from ...db import read_columns
from ...money import Money
from ...values import Value
from ..orders.views import Link

FIRST = 5
PAGE = 50


class Act(Value):
    """A button: a post to `url`, or a link there."""

    label: str
    url: str
    glyph: str = "refresh"
    post: bool = True
    dialog: bool = False


class Waiting(Value):
    """One thing that waits. `next_at`: when it is tried again by itself."""

    id: int
    title: str
    detail: str
    links: tuple[Link, ...]
    names: str
    amount: Money | None
    since: datetime
    next_at: datetime | None = None
    tries: int = 0
    acts: tuple[Act, ...] = ()


class Slice(Value):
    """One page of rows, oldest first, and the keys of its neighbours."""

    rows: tuple[Row[Any], ...]
    before: int | None = None
    after: int | None = None


class Keys(Value):
    """Which part of a queue: rows after the key `after`, or before `before`; at most `size`."""

    size: int = FIRST
    before: int | None = None
    after: int | None = None


def cut(query: Any, key: Any, keys: Keys) -> Slice:
    """One statement."""
    backwards = keys.before is not None and keys.after is None
    if keys.after is not None:
        query = query.where(key > keys.after)
    elif keys.before is not None:
        query = query.where(key < keys.before)
    found = read_columns(query.order_by(key.desc() if backwards else key.asc()).limit(keys.size + 1)).all()
    more, rows = len(found) > keys.size, list(found[: keys.size])
    if backwards:
        rows.reverse()
    return _between(rows, older=more if backwards else keys.after is not None, newer=backwards or more)


def _between(rows: Sequence[Row[Any]], *, older: bool, newer: bool) -> Slice:
    ids = [row.id for row in rows]
    return Slice(tuple(rows), ids[0] if ids and older else None, ids[-1] if ids and newer else None)
