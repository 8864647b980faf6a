"""What an open transaction() remembers, and how what waits in it is written: many rows with one statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import bindparam, insert, null, update
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.orm.attributes import instance_state, manager_of_class

from .sqlite import WRITE

M = TypeVar("M", bound=DeclarativeBase)


class Open:
    """What an open transaction() remembers until its outermost block ends. `held`: the session itself forgets a row
    that nobody holds, and then reads it again. `locked`: rows of lock_all(). `waiting`: rows of append(). `ids`: of
    models that are numbered ahead (ahead.py), `made`: all their new rows, and `unwritten`: those that wait."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.connection = session.connection(execution_options={WRITE: True})
        self.held: list[object] = []
        self.locked: dict[tuple[type[DeclarativeBase], int], Any] = {}
        self.waiting: dict[Any, list[dict[str, Any]]] = {}
        self.ids: dict[type[DeclarativeBase], Iterator[int]] = {}
        self.made: list[object] = []
        self.unwritten: dict[type[DeclarativeBase], list[Any]] = {}
        self.notes: dict[Any, Any] = {}
        self.doomed = False
        self.after: list[Callable[[], object]] = []
        self.rank = 0

    def write_out(self) -> None:
        """All that waits, many rows with one statement: what appended rows may name comes before them."""
        self.write_made()
        if self.ids and not self.session.new:
            self.write_changed()
        self.session.flush()
        waiting, self.waiting = self.waiting, {}
        for statement, rows in waiting.items():
            self.connection.execute(statement, rows)

    def write_made(self) -> None:
        """As they are by now, model by model in the order in which they were numbered ahead."""
        for model, rows in self.unwritten.items():
            if rows:
                self.connection.execute(insert_into(model), [_written(model, vars(row)) for row in rows])
                self._are_clean(rows)
                self.unwritten[model] = []

    def write_changed(self) -> None:
        """What was changed in many rows alike; what is more than a change of columns is left to the session."""
        alike: dict[tuple[type[DeclarativeBase], tuple[str, ...]], list[Any]] = {}
        for row in self.session.dirty:
            before = instance_state(row).committed_state
            model: type[DeclarativeBase] = type(row)
            if before.keys() <= _changeable(model):
                changed = tuple(name for name in before if vars(row)[name] != before[name])
                alike.setdefault((model, changed), []).append(row)
        for (model, changed), rows in alike.items():
            if changed:
                values = [{"id_": row.id} | {name: vars(row)[name] for name in changed} for row in rows]
                self.connection.execute(_update(model, changed), sorted(values, key=lambda row: row["id_"]))
            self._are_clean(rows)

    def _are_clean(self, rows: Iterable[Any]) -> None:
        for row in rows:
            instance_state(row)._commit_all(vars(row), self.session.identity_map)

    def make(self, model: type[M], said: dict[str, Any]) -> M:
        """A new row that waits; `said` has its id and all of its columns."""
        row = attach(self.session, model, said)
        self.made.append(row)
        self.unwritten[model].append(row)
        return row

    def undo(self) -> None:
        """What was made never was, for the session either: the next try may use the same ids."""
        for row in self.made:
            if row in self.session:
                self.session.expunge(row)
        self.session.rollback()


@cache
def insert_into(model: type[DeclarativeBase]) -> Any:
    return insert(model)


@cache
def _changeable(model: type[DeclarativeBase]) -> frozenset[str]:
    """Columns that are written as they are said, and change no other."""
    columns = model.__table__.columns
    if any(column.onupdate is not None for column in columns):
        return frozenset()
    return frozenset(column.key for column in columns if not column.primary_key)


@cache
def _update(model: type[DeclarativeBase], changed: tuple[str, ...]) -> Any:
    table: Any = model.__table__
    row: Any = update(table).where(table.c.id == bindparam("id_"))
    return row.values({name: bindparam(name, type_=table.c[name].type) for name in changed})


def attach(session: Session, model: type[M], said: dict[str, Any]) -> M:
    """An entity that says so, known to the session: what its loader does with each row, for one alone."""
    row: M = manager_of_class(model).new_instance()
    state = instance_state(row)
    vars(row).update(said)
    state.key, state.session_id = (model, (said["id"],), None), session.hash_key
    session.identity_map.add(state)
    return row


@cache
def names(model: type[DeclarativeBase]) -> list[str]:
    return list(model.__table__.columns.keys())


@cache
def _may_be_null(model: type[DeclarativeBase]) -> list[str]:
    """Of JSON, which would write None as a value of its own."""
    return [column.key for column in model.__table__.columns if column.type.should_evaluate_none]


def _written(model: type[DeclarativeBase], said: dict[str, Any]) -> dict[str, Any]:
    nothing = {name: null() for name in _may_be_null(model) if said[name] is None}
    return {name: said[name] for name in names(model)} | nothing
