"""Fixtures for tests of commands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from app.db import end_read
from app.queries import invariants
from tests.gateways.scripted import ScriptedGateway, every_account


@pytest.fixture
def gateway(app: Flask, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    """Answers every charge of this test as its `answers` say."""
    return every_account(monkeypatch)


@pytest.fixture
def sound_books(app: Flask) -> Iterator[None]:
    """Whatever the test did, all invariants hold in the end."""
    yield
    end_read()
    assert invariants.broken(grace=timedelta(0)) == []
