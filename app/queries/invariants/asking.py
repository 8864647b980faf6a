"""How the rules ask: statements of columns, and at most so many complaints each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from ...db import db

MOST = 20


def found(statement: Any) -> list[Row[Any]]:
    """The first places that break a rule; a rule broken everywhere is told as well by twenty."""
    return list(db.session.execute(statement.limit(MOST)).all())
