"""Handlers of the tests' own, gone again after each test."""

from __future__ import annotations

import pytest

from app import jobs
from app.jobs import registry


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.load()
    monkeypatch.setattr(registry, "_handlers", dict(registry._handlers))
    monkeypatch.setattr(registry, "_ticks", dict(registry._ticks))


@pytest.fixture
def done() -> list[int]:
    """What the handler of `test.note` was called with."""
    notes: list[int] = []
    jobs.handler("test.note")(lambda number: notes.append(number))
    return notes
