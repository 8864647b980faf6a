"""Writers on SQLite take turns: who has held the lock for long lets others go first, and nobody waits for ever."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from app import sqlite
from app.db import db, end_read, transaction
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
