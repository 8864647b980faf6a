"""What a page asks of the database, sign-in included, BEGIN not: how many statements, and which tables they walk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from app.db import db


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that were run inside the block, as SQL."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@contextmanager
def planned() -> Iterator[list[str]]:
    """The steps by which SQLite answers what the block asks: `SCAN receipt`, `SEARCH receipt USING INDEX …`."""
    asked: list[tuple[str, Any]] = []
    steps: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield steps
    finally:
        event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps += [step.detail for step in plan]


def walked(steps: list[str]) -> set[str]:
    """The tables that are read from one end to the other, or until there is enough."""
    return {re.sub(r"_\d+$", "", name) for step in steps for name in re.findall(r"^SCAN ([a-z]\w*)", step)}
