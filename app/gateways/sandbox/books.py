"""The sandbox's own connections: what it has booked stays booked whatever becomes of our session or process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from ...db import WRITE, db

EXTENSION = "sandbox_books"


def _engine() -> Engine:
    """One a process: a connection must not be shared with a forked child."""
    kept: tuple[int, Engine] | None = current_app.extensions.get(EXTENSION)
    if kept is not None and kept[0] == os.getpid():
        return kept[1]
    if kept is not None:
        kept[1].dispose(close=False)
    engine = create_engine(db.engine.url, pool_size=2, pool_pre_ping=True)
    current_app.extensions[EXTENSION] = (os.getpid(), engine)
    return engine


@contextmanager
def reading() -> Iterator[Session]:
    with Session(_engine()) as session:
        yield session


@contextmanager
def writing() -> Iterator[Session]:
    """Books what happens inside, or nothing of it. Must not be opened while our own transaction is (it would wait)."""
    engine = _engine().execution_options(**{WRITE: True})
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session
