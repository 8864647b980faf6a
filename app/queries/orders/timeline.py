"""Notes, mails, files and history of an order, merged by time in one statement and paged by key."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Integer,
    Row,
    Select,
    String,
    and_,
    bindparam,
    cast,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)

from ... import typed
from ...db import Instant, read_columns
from ...models import History, Note, OrderEmail, OrderFile, User
from . import happenings
from .views import EntryView, TimelineView

if TYPE_CHECKING:
    from .facts import Facts

PAGE = 20
KINDS = ("note", "mail", "file", "history")
RANK = {kind: rank for rank, kind in enumerate(KINDS)}

Cursor = tuple[datetime, int, int]
"""Time, rank of the kind and id of the oldest entry shown; what comes next is older."""


def view(facts: Facts, kind: str = "", cursor: str | None = None) -> TimelineView:
    """The newest entries, or those before `cursor`; `kind` narrows to one of KINDS. A broken cursor starts anew."""
    kind = kind if kind in KINDS else ""
    found = _rows(facts.row.id, kind, _read(cursor))
    shown = found[:PAGE]
    return TimelineView(
        entries=tuple(_entry(facts, row) for row in shown),
        kind=kind,
        older=_older(facts, kind, shown[-1]) if len(found) > PAGE else None,
        add_note=facts.actions.find("note"),
        add_file=facts.actions.find("file"),
    )


def _rows(order_id: int, kind: str, cursor: Cursor | None) -> Sequence[Row[Any]]:
    at, rank, key = cursor or (None, None, None)
    asked = {"order_id": order_id} | ({"at": at, "rank": rank, "key": key} if cursor else {})
    return read_columns(_statement(kind, cursor is not None), **asked).all()


@cache
def _statement(kind: str, older: bool) -> Any:
    """Built once for each filter: putting a union together costs more than running it."""
    parts = [_part(name, older) for name in ([kind] if kind else KINDS)]
    merged = union_all(*(select(p.subquery()) for p in parts)).subquery()
    return select(merged).order_by(merged.c.at.desc(), merged.c.rank.desc(), merged.c.id.desc()).limit(PAGE + 1)


def _part(kind: str, older: bool) -> Select[Any]:
    """At most one page of one kind, in the columns that all kinds share."""
    columns, model, at, more = SOURCES[kind]
    key: Any = model.id
    named = [column.label(name) for name, column in zip(COLUMNS, columns, strict=True)]
    query = select(literal(RANK[kind]).label("rank"), key.label("id"), at.label("at"), *named)
    if model in (Note, OrderFile):
        query = query.join(User, User.id == model.author_id)
    query = query.where(model.order_id == bindparam("order_id"), more)
    if older:
        query = query.where(_before(at, RANK[kind], key))
    return query.order_by(at.desc(), key.desc()).limit(PAGE + 1)


TOLD = or_(
    *(
        and_(History.entity == entity, History.event.in_([event for of, event in happenings.HISTORY if of == entity]))
        for entity in sorted({entity for entity, _ in happenings.HISTORY})
    )
)
"""Only what has words is told: a checkout opened, a mail claimed and the like are for the records."""

NO_TEXT, NO_JSON, NO_SIZE = cast(null(), String), cast(null(), JSON), cast(null(), BigInteger)

# Who, by what hand, what, more of it, words a person wrote, whether the customer sees it, the rest, bytes.
COLUMNS = ("who", "hand", "what", "more", "words", "visible", "data", "size")
NOTE: tuple[Any, ...] = (User.name, NO_TEXT, NO_TEXT, NO_TEXT, Note.body, Note.visible, NO_JSON, NO_SIZE)
FILE: tuple[Any, ...] = (
    User.name,
    NO_TEXT,
    OrderFile.filename,
    OrderFile.content_type,
    NO_TEXT,
    OrderFile.visible,
    NO_JSON,
    OrderFile.size,
)
MAIL: tuple[Any, ...] = (
    OrderEmail.asked_by,
    NO_TEXT,
    OrderEmail.kind,
    cast(OrderEmail.status, String),
    OrderEmail.last_error,
    literal(False),
    OrderEmail.recipients,
    NO_SIZE,
)
HISTORY: tuple[Any, ...] = (
    History.actor_name,
    History.actor_kind,
    History.event,
    History.entity,
    History.because,
    literal(False),
    History.data,
    NO_SIZE,
)


SOURCES: dict[str, tuple[tuple[Any, ...], Any, Any, Any]] = {
    "note": (NOTE, Note, Note.created_at, true()),
    "mail": (MAIL, OrderEmail, OrderEmail.created_at, true()),
    "file": (FILE, OrderFile, OrderFile.created_at, true()),
    "history": (HISTORY, History, History.at, TOLD),
}
"""By kind: its columns, its table, its time, and what of it is shown."""


def _before(at: Any, rank: int, key: Any) -> ColumnElement[bool]:
    """Older than the cursor by (time, rank, id), as the page is ordered."""
    then, last = bindparam("at", type_=Instant()), bindparam("rank", type_=Integer())
    same_kind = and_(last == rank, key < bindparam("key", type_=BigInteger()))
    return or_(at < then, and_(at == then, or_(last > rank, same_kind)))


def _entry(facts: Facts, row: Row[Any]) -> EntryView:
    return happenings.ENTRIES[KINDS[row.rank]](facts, row)


def _older(facts: Facts, kind: str, last: Row[Any]) -> str:
    key = json.dumps([last.at.isoformat(), last.rank, last.id])
    before = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    return url_for("orders.timeline", number=facts.row.number, kind=kind or None, before=before)


def _read(cursor: str | None) -> Cursor | None:
    if not cursor:
        return None
    try:
        at, rank, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        moment = datetime.fromisoformat(at)
        known = moment.tzinfo and rank in RANK.values()
        return (moment.astimezone(UTC), int(rank), typed.whole(key)) if known else None
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
