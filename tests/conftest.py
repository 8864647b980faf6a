"""Fixtures that every test may use. Each test has a database of its own; nothing is shared, nothing leaks."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import time
from types import CodeType
from typing import Any, ClassVar

import hypothesis
import pytest
from flask import Flask, has_app_context
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Dialect, Engine, event
from werkzeug.routing import Map, Rule, RuleFactory

from app import create_app, migrating
from app.config import ROOT
from app.db import db
from app.models import User
from tests.engines import (  # noqa: F401  (fixtures)
    SHARED_POSTGRES,
    browser,
    databases,
    postgres,
    postgres_url_factory,
    prepared_postgres,
    redis_url,
    running_smtp_server,
    smtp_server,
)

# How long an example takes says how busy the machine is, and nothing of what is tested; and each makes rows of its own.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
hypothesis.settings.load_profile("patient")


def pytest_sessionstart(session: pytest.Session) -> None:
    gc.disable()  # what is loaded now stays


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was loaded until now stays to the end: the collector need not look at it again and again, and comes less
    often where each test throws a whole application away."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


class Client(FlaskClient):
    """Asks as a browser does: each request has an application context, and so a session of the database, of its own.

    What the test itself holds is read anew after each request.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        if has_app_context():
            db.session.rollback()
            db.session.expire_all()
        with self.application.app_context():
            return super().open(*args, **kwargs)

    def sign_in(self, user: User, base_url: str | None = None) -> Client:
        """As the sign-in page would, without its password."""
        with self.session_transaction(base_url=base_url) as session:
            session.clear()
            session["_user_id"], session["_fresh"] = user.get_id(), True
            session["began"] = session["seen"] = int(time())
        return self


@event.listens_for(Engine, "connect")
def _not_waiting_for_the_disk(connection: Any, record: Any) -> None:
    """Tests kill processes, never the machine: what was committed survives them without being flushed to the disk."""
    if type(connection).__module__ == "sqlite3":
        connection.execute("PRAGMA synchronous=OFF")


class SharedMap(Map):
    """Addresses that are compiled once a run: a test has an application of its own, with two hundred of them."""

    compiled: ClassVar[dict[tuple[Any, ...], Map]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._added: list[Rule] = []
        super().__init__(*args, **kwargs)

    def add(self, rulefactory: RuleFactory) -> None:
        assert isinstance(rulefactory, Rule)  # Flask adds one at a time
        self._added.append(rulefactory)
        self._remap = True

    def update(self) -> None:
        if not self._remap:
            return
        key = tuple(
            (rule.rule, rule.endpoint, frozenset(rule.methods or ()), repr(rule.defaults), rule.strict_slashes)
            for rule in self._added
        )
        if key not in self.compiled:
            self.compiled[key] = self._compile()
        first = self.compiled[key]
        self._matcher, self._rules_by_endpoint, self._remap = first._matcher, first._rules_by_endpoint, False

    def _compile(self) -> Map:
        first = Map(converters=self.converters)
        for rule in self._added:
            bound = rule.empty()
            bound.provide_automatic_options = rule.provide_automatic_options  # Flask's own mark
            first.add(bound)
        first.update()
        return first


Flask.url_map_class = SharedMap
DIALECTS: dict[str, Dialect] = {}
STATEMENTS: dict[Any, Any] = {}


def _share_compiled_statements(app: Flask) -> None:
    """Engines of one kind compile a statement once a run: a test has an engine of its own, and would do it again."""
    with app.app_context():
        engine = db.engine
    known = DIALECTS.get(engine.name)
    if known is None or known.server_version_info is None:  # it learns about its server when it first connects
        DIALECTS[engine.name] = engine.dialect
    else:
        engine.dialect = known
    engine.update_execution_options(compiled_cache=STATEMENTS)


def _compiled_templates() -> str:
    """A folder of this run, whichever of its processes asks."""
    name = "COUNTERSIGN_TEST_TEMPLATES"
    if name not in os.environ:
        os.environ[name] = tempfile.mkdtemp(prefix="countersign-templates-")
        atexit.register(shutil.rmtree, os.environ[name], ignore_errors=True)
    return os.environ[name]


class Templates(FileSystemBytecodeCache):
    """What this process has met it keeps at hand: each test has an application of its own, which would read it anew."""

    known: ClassVar[dict[tuple[str, str], CodeType]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        key = (bucket.key, bucket.checksum)
        if key not in self.known:
            super().load_bytecode(bucket)
            if bucket.code is not None:
                self.known[key] = bucket.code
        bucket.code = self.known.get(key)


TEMPLATES = Templates(_compiled_templates())


def make_app(database_url: str, instance: Path, **overrides: object) -> Flask:
    app = create_app(
        {
            "ENVIRONMENT": "test",
            "TESTING": True,
            "INSTANCE": instance,
            "SECRET_KEY": "test-key-test-key-test-key-test-key-1",
            "SQLALCHEMY_DATABASE_URI": database_url,
            "REDIS_URL": "",
            "STRIPE": {},
            "SEAL": None,
            "RATE_LIMITS": False,
            "WTF_CSRF_ENABLED": False,
            "BASE_URL": "http://countersign.test",
            **overrides,
        }
    )
    app.test_client_class = Client
    _share_compiled_statements(app)
    app.jinja_env.bytecode_cache = TEMPLATES  # an application a test would else compile each template again
    return app


def upgrade(app: Flask) -> None:
    from flask_migrate import upgrade as migrate_up

    migrating.bind(app)
    with app.app_context():
        migrate_up(directory=str(ROOT / "migrations"))
        db.engine.dispose()  # SQLite folds its write-ahead log into the file when the last connection closes


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Several processes share one PostgreSQL and one SQLite template, made before the first of them starts."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-template-"))
    config.add_cleanup(lambda: shutil.rmtree(folder))
    server = prepared_postgres()
    os.environ[SHARED_POSTGRES] = str(server.__enter__().folder)
    config.add_cleanup(lambda: server.__exit__(None, None, None) and None)
    os.environ[SHARED_SQLITE] = str(migrated_sqlite(folder))


SHARED_SQLITE = "COUNTERSIGN_TEST_SQLITE"


def migrated_sqlite(folder: Path) -> Path:
    path = folder / "template.sqlite3"
    upgrade(make_app(f"sqlite:///{path}", folder))
    return path


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file; tests copy it."""
    shared = os.environ.get(SHARED_SQLITE)
    return Path(shared) if shared else migrated_sqlite(tmp_path_factory.mktemp("template"))


@pytest.fixture
def app(sqlite_template: Path, tmp_path: Path) -> Iterator[Flask]:
    """The application on its own SQLite file, with a context pushed."""
    path = tmp_path / "countersign.sqlite3"
    shutil.copy(sqlite_template, path)
    application = make_app(f"sqlite:///{path}", tmp_path)
    with application.app_context():
        yield application


@pytest.fixture(params=["sqlite", "postgresql"])
def any_app(request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path) -> Iterator[Flask]:
    """The application once on SQLite and once on PostgreSQL, for what hangs on locking."""
    if request.param == "sqlite":
        path = tmp_path / "countersign.sqlite3"
        shutil.copy(sqlite_template, path)
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("postgres_url_factory")()
    application = make_app(url, tmp_path)
    with application.app_context():
        yield application
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> Client:
    return app.test_client()  # type: ignore[return-value]
