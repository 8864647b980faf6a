"""The database as the house uses it: one way to write, one way to lock, for one row and for many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import g, has_request_context, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    CursorResult,
    Date,
    MetaData,
    bindparam,
    event,
    select,
)
from sqlalchemy.orm import DeclarativeBase, ORMExecuteState, Session

from . import upserts
from .columns import BigId as BigId
from .columns import Instant as Instant
from .columns import Percent as Percent
from .columns import Quantity as Quantity
from .columns import Scaled as Scaled
from .columns import UnitPrice as UnitPrice
from .columns import enum as enum
from .errors import NotFound
from .opened import Open, attach, insert_into, names
from .sqlite import WRITE as WRITE
from .sqlite import _begin_sqlite as _begin_sqlite

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


_here: Callable[[], Any] = g._get_current_object  # type: ignore[attr-defined]


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


Base.registry.update_type_annotation_map({datetime: Instant(), date: Date()})

db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


@contextmanager
def transaction() -> Iterator[Session]:
    """Everything inside is written together or not at all. Nests: the outermost block commits.

    An exception inside any block, caught or not, dooms the whole: half a command is never committed. Ends a read
    that is under way first, so what was loaded before must be locked or loaded again. A GET cannot open one.
    """
    session = db.session()
    outer: Open | None = session.info.get("open")
    if outer is not None:
        try:
            yield session
        except BaseException:
            outer.doomed = True
            raise
        return
    if has_request_context() and request.method in ("GET", "HEAD", "OPTIONS"):
        raise RuntimeError("a GET request must not write")
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("changes were made outside transaction()")
    session.rollback()
    opened = session.info["open"] = g.open_transaction = Open(session)
    try:
        yield session
        if opened.doomed:
            raise RuntimeError("an inner refusal was swallowed; nothing was committed")
        opened.write_out()
        session.commit()
    except BaseException:
        opened.undo()
        raise
    finally:
        del session.info["open"], g.open_transaction
    for callback in opened.after:
        callback()


@event.listens_for(Session, "loaded_as_persistent")
@event.listens_for(Session, "pending_to_persistent")
def _hold(session: Session, row: object) -> None:
    opened: Open | None = session.info.get("open")
    if opened is not None:
        opened.held.append(row)


@event.listens_for(Session, "do_orm_execute")
def _write_out_first(state: ORMExecuteState) -> None:
    """Whoever reads finds what was added before."""
    opened: Open | None = state.session.info.get("open")
    if opened is not None and (opened.waiting or opened.made):
        opened.write_out()


@event.listens_for(Session, "before_flush")
def _made_first(session: Session, *rest: object) -> None:
    """What is flushed may name rows that are made, or be one of them."""
    opened: Open | None = session.info.get("open")
    if opened is not None:
        opened.write_made()


def after_commit(callback: Callable[[], object]) -> None:
    """Run `callback` once the outermost transaction has committed; never if it rolls back."""
    _opened("after_commit").after.append(callback)


def end_read() -> None:
    """Close the read under way, so that the world may be spoken to."""
    session = db.session()
    if "open" in session.info:
        raise RuntimeError("the world must not be called inside transaction()")
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("changes were made outside transaction()")
    session.commit()


def assert_no_transaction() -> None:
    """The guard every gateway, mail transport, provider and renderer calls first (invariant 9)."""
    if db.session().in_transaction():
        raise RuntimeError("a database transaction is open while calling the world")


def read_columns(statement: Any, **values: Any) -> CursorResult[Any]:
    """What a read of columns finds; `values` are its bound parameters. By Core: where there are no entities to make,
    the session's own way only costs twice as much. Build `statement` once: that costs more than running it."""
    opened = _open()
    if opened is None:
        return db.session().connection().execute(statement, values)
    opened.write_out()
    return opened.connection.execute(statement, values)


def write(statement: Any, **values: Any) -> CursorResult[Any]:
    """Writes by Core inside transaction(), at once."""
    return _opened("write").connection.execute(statement, values)


def append(statement: Any, **values: Any) -> None:
    """Adds a row by Core inside transaction(), where an entity would tell nothing: before the next read, or at the end,
    together with the others that wait. Every row of a `statement` names the same columns."""
    _opened("append").waiting.setdefault(statement, []).append(values)


def _open() -> Open | None:
    """Of this application context, as the session is; by a shorter way than through the session."""
    found: Open | None = _here().get("open_transaction")
    return found


def _opened(what: str) -> Open:
    opened = _open()
    if opened is None:
        raise RuntimeError(f"{what}() needs an open transaction()")
    return opened


def in_transaction() -> bool:
    return _open() is not None


def notes() -> dict[Any, Any]:
    """What the open transaction() keeps in mind until it ends."""
    return _opened("notes").notes


M = TypeVar("M", bound=Base)


def adopt(model: type[M], values: Sequence[Any]) -> M:
    """The entity of one row, read by Core as all columns of `model` in their order, as if the session had loaded it.

    For what every request reads: having the session load it takes longer than the statement itself.
    """
    session = db.session()
    found: M | None = session.identity_map.get((model, (values[0],), None))
    return found or attach(session, model, dict(zip(names(model), values, strict=True)))


HOLD: dict[str, Any] = {"key_share": True}


def lock(model: type[M], id: int | None) -> M:
    """Load one row and hold it until the transaction ends, with what it says now. Raises NotFound.

    Locks go down the ranks (account 1, order 2, payment order 3, attempt 4), so no two commands wait for each other.
    PostgreSQL is asked for NO KEY UPDATE: it excludes every other lock() and lets foreign keys be checked, which would
    otherwise wait against the ranks.
    """
    opened = _opened("lock")
    if (held := opened.locked.get((model, id or 0))) is not None:
        return cast(M, held)
    _descend(opened, model)
    found = db.session.scalars(_held(model), {"id_": id}).one_or_none() if id is not None else None
    if found is None:
        raise NotFound(f"{model.__name__} {id}")
    opened.held.append(found)
    return found


def _descend(opened: Open, model: type[Base]) -> None:
    rank = getattr(model, "__lock_rank__", 0)
    if rank and rank < opened.rank:
        raise RuntimeError(f"{model.__name__} locked after a row of rank {opened.rank}")
    opened.rank = max(opened.rank, rank)


def lock_all(model: type[M], ids: Iterable[int | None], *options: Any) -> list[M]:
    """As lock(), many rows with one statement, in the order of their ids; until the transaction ends lock() hands them
    out again without asking. What is not there is left out. `options` say what is loaded along with them."""
    opened = _opened("lock_all")
    wanted = sorted({id for id in ids if id is not None})
    if not wanted:
        return []
    _descend(opened, model)
    found = db.session.scalars(_all_held(model).options(*options), {"ids_": wanted}).all()
    opened.held.extend(found)
    opened.locked |= {(model, row.id): row for row in found}  # type: ignore[attr-defined]
    return list(found)


def know(statement: Any, **values: Any) -> list[Any]:
    """Load the rows of a select of entities and keep them at hand until the transaction ends, so that get() and the
    relations that lead to them ask no more; the first of each row."""
    rows = db.session.execute(statement, values).all()
    _opened("know").held.extend(entity for row in rows for entity in row)
    return [row[0] for row in rows]


def know_by(column: Any, ids: Iterable[int | None], *options: Any) -> list[Any]:
    """As know(): the rows of a model whose `column` is one of these, in the order of their own ids."""
    wanted = sorted({id for id in ids if id is not None})
    found = db.session.scalars(_by(column).options(*options), {"ids_": wanted}).all() if wanted else []
    _opened("know_by").held.extend(found)
    return list(found)


@cache
def _by(column: Any) -> Any:
    return select(column.class_).where(column.in_(bindparam("ids_", expanding=True))).order_by(_key(column.class_))


@cache
def _held(model: type[Base]) -> Any:
    """Built once for each model, as building it takes longer than running it."""
    found = select(model).where(_key(model) == bindparam("id_"))
    return found.with_for_update(**HOLD).execution_options(populate_existing=True)


@cache
def _all_held(model: type[Base]) -> Any:
    found = select(model).where(_key(model).in_(bindparam("ids_", expanding=True))).order_by(_key(model))
    return found.with_for_update(**HOLD).execution_options(populate_existing=True)


def _key(model: type[Base]) -> Any:
    table: Any = model.__table__
    return table.primary_key.columns[0]


@cache
def _insert_unless_there(model: type[Base], dialect: str, whole: bool) -> Any:
    table: Any = model.__table__
    told = table.columns if whole else table.primary_key
    return upserts.insert(dialect, table).on_conflict_do_nothing().returning(*told)


def identify(row: Any) -> None:
    """A row that was added knows its id then, if need be because what waits in the session is written."""
    if row.id is None:
        db.session.flush()


@cache
def _makers(model: type[Base]) -> list[tuple[str, Callable[[], Any]]]:
    """By column, in their order, what a row says where it is not told."""
    return [(column.key, _maker(column.default)) for column in model.__table__.columns]


def _maker(default: Any) -> Callable[[], Any]:
    if default is None:
        return lambda: None
    return (lambda: default.arg(None)) if default.is_callable else (lambda: default.arg)


def insert_key(model: type[Base], **values: Any) -> Sequence[Any] | None:
    """Insert a row unless a unique constraint already holds one like it; its primary key if this call was the one."""
    if (ids := _opened("insert_key").ids.get(model)) is not None:
        append(insert_into(model), id=(id := next(ids)), **values)
        return (id,)
    statement = _insert_unless_there(model, db.session.get_bind().dialect.name, False)
    return write(statement, **values).first()


def insert_id(model: type[Base], **values: Any) -> int:
    """Insert a row; its id."""
    key = insert_key(model, **values) if model in _opened("insert_id").ids else None
    key = key or write(insert_into(model), **values).inserted_primary_key
    return cast(int, key[0])  # type: ignore[index]


def insert_once(model: type[Base], **values: Any) -> bool:
    """As `insert_key`; whether this call was the one."""
    return insert_key(model, **values) is not None


def insert_new(model: type[M], **values: Any) -> M | None:
    """As `insert_key`; the row itself."""
    opened = _opened("insert_new")
    if (ids := opened.ids.get(model)) is not None:
        whole = {name: values[name] if name in values else make() for name, make in _makers(model)} | values
        return opened.make(model, whole | {"id": next(ids)})
    found = write(_insert_unless_there(model, db.session.get_bind().dialect.name, True), **values).first()
    return adopt(model, found) if found is not None else None


def get(model: type[M], id: int | None) -> M:
    """Load one row for reading. Raises NotFound."""
    opened = _open()
    session = opened.session if opened is not None else db.session()
    known: M | None = session.identity_map.get((model, (id,), None))
    if known is not None and not vars(known)["_sa_instance_state"].expired:
        return known  # as the session would find out, in ten times the time
    found = session.get(model, id) if id is not None else None
    if found is None:
        raise NotFound(f"{model.__name__} {id}")
    return found
