"""INSERT ... ON CONFLICT, which each engine's dialect has of its own."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def insert(dialect: str, table: Any) -> Any:
    """Of the dialect of that name."""
    return _INSERT[dialect](table)
