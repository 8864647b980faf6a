"""Fixtures for tests of commands."""

from __future__ import annotations

import pytest
from flask import Flask

from app.gateways import registry
from tests.gateways.scripted import ScriptedGateway


@pytest.fixture
def gateway(app: Flask, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    """Answers every charge of this test as its `answers` say."""
    scripted = ScriptedGateway()
    monkeypatch.setattr(registry, "for_account", lambda account: scripted)
    monkeypatch.setattr(registry, "get", lambda row: scripted)
    return scripted
