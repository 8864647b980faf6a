"""Fixtures that every test may use. Each test has a database of its own; nothing is shared, nothing leaks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import ROOT
from app.db import db
from tests.engines import (  # noqa: F401  (fixtures)
    browser,
    postgres,
    postgres_url_factory,
    redis_url,
    running_smtp_server,
    smtp_server,
)


def make_app(database_url: str, instance: Path, **overrides: object) -> Flask:
    return create_app(
        {
            "ENVIRONMENT": "test",
            "TESTING": True,
            "INSTANCE": instance,
            "SECRET_KEY": "test-key-test-key-test-key-test-key-1",
            "SQLALCHEMY_DATABASE_URI": database_url,
            "REDIS_URL": "",
            "RATE_LIMITS": False,
            "WTF_CSRF_ENABLED": False,
            "BASE_URL": "http://countersign.test",
            **overrides,
        }
    )


def upgrade(app: Flask) -> None:
    from flask_migrate import upgrade as migrate_up

    with app.app_context():
        migrate_up(directory=str(ROOT / "migrations"))
        db.engine.dispose()  # SQLite folds its write-ahead log into the file when the last connection closes


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file; tests copy it."""
    folder = tmp_path_factory.mktemp("template")
    path = folder / "template.sqlite3"
    upgrade(make_app(f"sqlite:///{path}", folder))
    return path


@pytest.fixture
def app(sqlite_template: Path, tmp_path: Path) -> Iterator[Flask]:
    """The application on its own SQLite file, with a context pushed."""
    path = tmp_path / "countersign.sqlite3"
    shutil.copy(sqlite_template, path)
    application = make_app(f"sqlite:///{path}", tmp_path)
    with application.app_context():
        yield application


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
