"""The database restarts in the middle of a charge, or its disk takes no more: at most one clean error, one charge."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app import failpoints
from app.access import Role
from app.commands.payments import collection
from app.db import db, end_read
from app.gateways.sandbox.tables import SandboxCharge
from app.models import Attempt, Receipt, Transaction, User
from tests import factories
from tests.conftest import make_app
from tests.engines import Postgres
from tests.faults.charge import charge
from tests.faults.forks import Fork
from tests.faults.test_charge_kills import count, finish

pytestmark = [pytest.mark.faults, pytest.mark.engines]

POINTS = {  # and how many tries the database knows of once it is back
    "charge.before_attempt_commits": 0,
    "charge.attempt_committed": 1,
    "charge.in_call": 1,
    "charge.answered": 1,
    "charge.outcome_committed": 1,
    "post_processing.before_commit": 1,
}
EVERY_CONNECTION_ENDS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
REFUSED = 7  # the exit code of a process whose charge ended in an error of the database


@pytest.fixture
def due(any_app: Flask) -> tuple[int, int]:
    """A payment order, and who collects it."""
    seller: User = factories.user(Role.SALES_MANAGER)
    first = collection.prepare_first(factories.order(owner=seller).id, by=seller)
    found = first.id, seller.id
    end_read()
    return found


def instead_of_a_kill(monkeypatch: pytest.MonkeyPatch, trouble: object) -> None:
    monkeypatch.setattr(failpoints, "os", SimpleNamespace(kill=trouble, getpid=os.getpid))


def books_add_up(due: tuple[int, int]) -> None:
    """Each call had its row, and in the end there is one of everything."""
    keys = set(db.session.scalars(select(Attempt.idempotency_key)))
    assert set(db.session.scalars(select(SandboxCharge.key))) <= keys
    if not keys:
        end_read()
        charge(*due)
    finish()
    assert (count(Attempt), count(SandboxCharge), count(Transaction), count(Receipt)) == (1, 1, 1, 1)


@pytest.mark.parametrize("any_app", ["postgresql"], indirect=True)
@pytest.mark.parametrize("point", POINTS)
def test_a_restart_in_a_charge(
    any_app: Flask, due: tuple[int, int], point: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    restarts = []

    def restart(*_signal: object) -> None:
        any_app.config["FAILPOINT"] = ""
        ended = postgres.execute(EVERY_CONNECTION_ENDS.format(db.engine.url.database))
        restarts.append((point, ended > 0))

    instead_of_a_kill(monkeypatch, restart)
    any_app.config["FAILPOINT"] = point
    with suppress(OperationalError):
        charge(*due)
    db.session.remove()
    assert restarts == [(point, True)]
    assert count(Attempt) == POINTS[point]
    books_add_up(due)


def charge_without_room(database: str, folder: Path, point: str, due: tuple[int, int]) -> None:
    """From `point` on, no file takes another byte."""

    def no_room(*_signal: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    failpoints.os = SimpleNamespace(kill=no_room, getpid=os.getpid)  # type: ignore[assignment]
    with make_app(database, folder, FAILPOINT=point).app_context():
        try:
            charge(*due)
        except OperationalError:
            sys.exit(REFUSED)


@pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("point", ["charge.before_attempt_commits", "charge.answered"])
def test_a_disk_that_takes_no_more(any_app: Flask, due: tuple[int, int], point: str) -> None:
    where = (any_app.config["SQLALCHEMY_DATABASE_URI"], any_app.config["INSTANCE"], point)
    process = Fork(Path(os.devnull), os.environ, charge_without_room, *where, due)
    assert process.wait(60) == REFUSED
    assert count(Attempt) == POINTS[point]
    books_add_up(due)
