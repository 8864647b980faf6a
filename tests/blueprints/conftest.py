"""Fixtures for tests of pages."""

from __future__ import annotations

from tests.commands.conftest import gateway  # noqa: F401  (fixture)
