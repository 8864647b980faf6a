"""SQLite as the house uses it: its connections, and whose turn it is to write, as one writes at a time and none queues.

Left to itself, SQLite looks at a lock again after up to a tenth of a second: whoever has written long has begun anew by
then, and a checkout beside a run waits for all of it. So a waiting writer looks every millisecond, one thread of a
process for all of them, and who has held others up for long lets them go first, and looks less often.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

WRITE = "countersign_write"
BEGIN = "BEGIN IMMEDIATE"
PATIENCE = 15.0
LOOK, SELDOM = 0.001, 0.005
# Whoever has held the lock for longer than LONG and wants it again SOON rests first: for a few looks of the others.
LONG, SOON, REST = 0.025, 0.05, 0.003


class _Mine(threading.local):
    """Of this thread: since when it holds the lock, and when it had held it for long; 0: it does not, it had not."""

    since = 0.0
    long = 0.0


_mine = _Mine()
_head = threading.Lock()


def _anew() -> None:
    """A child has none of the threads that its parent's lock may wait for."""
    global _head
    _head = threading.Lock()


os.register_at_fork(after_in_child=_anew)


@event.listens_for(Engine, "connect")
def prepare_sqlite(connection: Any, record: Any) -> None:
    """Hand transactions to us (the driver would begin them late) and turn on what SQLite leaves off."""
    if type(connection).__module__ != "sqlite3":
        return
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={PATIENCE * 1000:.0f}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    """Writers take the lock at once: a read that turns into a write would fail with `database is locked`."""
    if connection.dialect.name != "sqlite":
        return
    if connection.get_execution_options().get(WRITE):
        _take_turn(connection)
    else:
        connection.exec_driver_sql("BEGIN")


@event.listens_for(Engine, "commit")
@event.listens_for(Engine, "rollback")
def _end_turn(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and connection.get_execution_options().get(WRITE):
        now = time.monotonic()
        _mine.long = now if _mine.since and now - _mine.since > LONG else 0.0
        _mine.since = 0.0


def _take_turn(connection: Connection) -> None:
    """Begin to write, as soon as nobody else does. Raises OperationalError where that lasts beyond all patience."""
    ends = time.monotonic() + PATIENCE
    _rest()
    raw: Any = connection.connection.dbapi_connection
    taken = _head.acquire(timeout=PATIENCE)
    try:
        with _impatient(raw):
            while _is_busy(raw) and time.monotonic() < ends:
                time.sleep(SELDOM if _mine.long else LOOK)
            if not raw.in_transaction:
                connection.exec_driver_sql(BEGIN)  # for the error, as everybody gets it
    finally:
        if taken:
            _head.release()
    _mine.since = time.monotonic()


def _rest() -> None:
    if _mine.long and time.monotonic() - _mine.long < SOON:
        time.sleep(REST)


@contextmanager
def _impatient(raw: Any) -> Iterator[None]:
    """SQLite answers at once; everything else, a checkpoint for one, is waited for in its own way again afterwards."""
    raw.execute("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        raw.execute(f"PRAGMA busy_timeout={PATIENCE * 1000:.0f}")


def _is_busy(raw: Any) -> bool:
    """Whether another writes; else this transaction has begun, or there is another trouble."""
    try:
        raw.execute(BEGIN)
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return False
