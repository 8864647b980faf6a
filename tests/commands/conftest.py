"""Fixtures for tests of commands."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.gateways.scripted import ScriptedGateway, every_account


@pytest.fixture
def gateway(app: Flask, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    """Answers every charge of this test as its `answers` say."""
    return every_account(monkeypatch)
