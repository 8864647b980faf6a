"""Writers on SQLite take turns: who has held the lock for long lets others go first, and nobody waits for ever."""

from __future__ import annotations

import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from sqlalchemy import DateTime
from sqlalchemy.exc import OperationalError

from app import sqlite
from app.db import Instant, db, end_read, transaction
from app.models import Setting

TIMES, HELD = 8, 0.04


def _writes_long(done: list[str], begun: threading.Event) -> None:
    for _ in range(TIMES):
        with transaction():
            begun.set()
            time.sleep(HELD)
        done.append("long")


def test_who_waits_writes_before_one_who_writes_long_again_and_again(app: Flask) -> None:
    done: list[str] = []
    begun = threading.Event()

    def beside() -> None:
        with app.app_context():
            _writes_long(done, begun)

    end_read()
    other = threading.Thread(target=beside)
    other.start()
    assert begun.wait(10)
    with transaction():
        done.append("short")
    other.join(30)
    assert len(done) == TIMES + 1 and done[-1] != "short"


def test_who_waits_beyond_all_patience_is_told_so(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE", 0.05)
    end_read()
    other = sqlite3.connect(db.engine.url.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"), transaction():
        pass
    other.execute("ROLLBACK")
    other.close()
    with transaction() as session:
        session.add(Setting(key="after.all", value=True))
    assert db.session.query(Setting).filter_by(key="after.all").count() == 1


def test_instants_are_written_as_sqlalchemy_writes_them_and_read_as_they_were(app: Flask) -> None:
    at = datetime(2027, 2, 1, 12, 0, 0, 70, tzinfo=timezone(timedelta(hours=1)))
    kept, dialect = Instant().bind_processor(db.engine.dialect)(at), db.engine.dialect
    theirs = DateTime().dialect_impl(dialect).bind_processor(dialect)
    assert kept == theirs(at.astimezone(UTC)) == "2027-02-01 11:00:00.000070"
    assert Instant().result_processor(dialect, None)(kept) == at
    with pytest.raises(ValueError, match="naive"):
        Instant().bind_processor(dialect)(datetime(2027, 2, 1))  # noqa: DTZ001
