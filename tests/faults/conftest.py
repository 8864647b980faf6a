"""Whatever was done to it, the books add up in the end: all invariants are checked after every fault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.db import db
from app.queries import invariants


@pytest.fixture(autouse=True)
def _the_books_add_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """Of each test with an application of its own; worlds and processes that make their own check them themselves."""
    mine = next((name for name in ("app", "any_app") if name in request.fixturenames), None)
    if mine is not None:
        request.getfixturevalue(mine)  # so that it is there still when this ends
    yield
    if mine is not None:
        db.session.rollback()
        db.session.expire_all()
        assert invariants.broken(grace=timedelta(0)) == []
