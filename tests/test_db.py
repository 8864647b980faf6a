"""The house's way to write: nesting, dooming, locking, append-only evidence, exact column types."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError, StatementError

from app import append_only, numbering
from app.ahead import new, number_ahead
from app.db import adopt, after_commit, assert_no_transaction, db, end_read, lock, transaction
from app.errors import NotFound
from app.models import SYSTEM, Account, Actor, Counter, History, PaymentOrder, SalesOrder, User
from app.sqlite import prepare_sqlite
from tests.statements import counted

FULL = 2  # of PRAGMA synchronous


def person() -> User:
    user = User(email="ann@seller.test", name="Ann Example", password_hash="x")
    db.session.add(user)
    db.session.flush()
    return user


def test_sqlite_waits_for_the_disk_at_each_commit() -> None:
    """But for these tests: see conftest."""
    with closing(sqlite3.connect(":memory:")) as connection:
        prepare_sqlite(connection, None)
        assert connection.execute("PRAGMA synchronous").fetchone() == (FULL,)


def test_an_adopted_row_is_the_sessions_own_and_one_entity(app: Flask) -> None:
    with transaction():
        ann = person()
    row = db.session.connection().execute(select(*User.__table__.columns)).one()
    assert adopt(User, row) is ann
    db.session.expunge_all()
    adopted = adopt(User, row)
    with counted() as seen:
        assert (adopted.name, adopted.created_at) == (ann.name, ann.created_at)
        assert db.session.get(User, ann.id) is adopted
    assert seen == [] and not db.session.dirty
    with transaction():
        lock(User, adopted.id).title = "Owner"
    assert db.session.scalar(select(User.title)) == "Owner"


def test_the_outermost_block_commits_once_and_then_runs_callbacks(app: Flask) -> None:
    ran: list[str] = []
    with transaction():
        with transaction():
            person()
            after_commit(lambda: ran.append("inner"))
        assert ran == []
    assert ran == ["inner"]
    assert db.session.scalar(select(User.email)) == "ann@seller.test"


def test_a_swallowed_inner_failure_dooms_the_whole(app: Flask) -> None:
    ran: list[str] = []
    with pytest.raises(RuntimeError, match="nothing was committed"), transaction():
        after_commit(lambda: ran.append("never"))
        person()
        try:
            with transaction():
                raise ValueError
        except ValueError:
            pass
    assert db.session.scalar(select(User.id)) is None
    assert ran == []


def test_a_get_request_cannot_write(app: Flask) -> None:
    with app.test_request_context("/", method="GET"), pytest.raises(RuntimeError, match="GET"), transaction():
        pass


def test_the_world_is_not_called_inside_a_transaction(app: Flask) -> None:
    with transaction(), pytest.raises(RuntimeError, match="open"):
        assert_no_transaction()
    db.session.execute(text("SELECT 1"))
    with pytest.raises(RuntimeError, match="open"):
        assert_no_transaction()
    end_read()
    assert_no_transaction()


def test_locks_go_down_the_ranks(app: Flask) -> None:
    with transaction(), pytest.raises(NotFound):
        lock(PaymentOrder, 1)
    with transaction() as session:
        session.add(Account(number="A-1", name="Acme", currency="EUR"))
    with pytest.raises(RuntimeError, match="rank"), transaction():
        with pytest.raises(NotFound):
            lock(SalesOrder, 1)
        lock(Account, 1)


@pytest.mark.engines
def test_every_table_of_evidence_refuses_change_in_the_migrated_database(any_app: Flask) -> None:
    names = append_only.tables()
    assert {"history", "transaction", "receipt", "allocation", "signature", "snapshot", "audit"} <= set(names)
    sqlite = db.engine.dialect.name == "sqlite"
    listing = (
        "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'"
        if sqlite
        else "SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
    )
    assert sorted(x.strip('"') for x in db.session.scalars(text(listing))) == sorted(names * 2)
    with transaction():
        account = Account(number="A-1", name="Acme", currency="EUR")
        db.session.add(account)
        account.record("created", by=Actor.of(person()))
    changes = ["UPDATE history SET event = 'x'", "DELETE FROM history"]
    changes += [
        "INSERT OR REPLACE INTO history SELECT * FROM history" if sqlite else "TRUNCATE history",
    ]
    for statement in changes:
        with pytest.raises(DBAPIError, match="append-only"), transaction() as session:
            session.execute(text(statement))
    assert db.session.scalar(select(History.event)) == "created"


@pytest.mark.engines
def test_the_migrations_make_what_the_models_say(any_app: Flask) -> None:
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []


def test_every_constraint_has_a_name(app: Flask) -> None:
    found = inspect(db.engine)
    for table in found.get_table_names():
        names = [c["name"] for c in found.get_unique_constraints(table) + found.get_check_constraints(table)]
        assert all(names), table


def test_decimals_are_exact_and_refuse_to_round(app: Flask) -> None:
    from app.models import Product, TaxCode

    with transaction() as session:
        code = TaxCode(code="std", name="Standard")
        session.add(code)
        session.flush()
        session.add(Product(sku="S", name="S", unit_price=Decimal("0.0001"), currency="EUR", tax_code_id=code.id))
    assert db.session.scalar(select(Product.unit_price)) == Decimal("0.0001")
    with pytest.raises(StatementError), transaction() as session:
        session.add(Product(sku="T", name="T", unit_price=Decimal("0.00001"), currency="EUR", tax_code_id=code.id))


def test_numbers_have_no_gap_after_a_rollback(app: Flask) -> None:
    with transaction():
        assert numbering.take("invoice") == "INV-00001"
    with pytest.raises(ZeroDivisionError), transaction():
        assert numbering.take("invoice") == "INV-00002"
        raise ZeroDivisionError
    with transaction():
        assert numbering.take("invoice") == "INV-00002"
    assert db.session.get(Counter, "invoice").last == 2  # type: ignore[union-attr]


def test_rows_that_are_numbered_ahead_are_written_with_one_statement_and_undone_with_the_rest(app: Flask) -> None:
    def three() -> list[Account]:
        return [new(Account, number=f"A-{n}", name="Acme", currency="EUR") for n in range(3)]

    with pytest.raises(ValueError), transaction():
        number_ahead(Account)
        undone = three()
        db.session.scalars(select(Account)).all()
        raise ValueError
    with transaction(), counted() as seen:
        number_ahead(Account)
        made = three()
        made[1].name = "Other"
        assert db.session.get(Account, made[0].id) is made[0] is not undone[0]
        assert len(seen) == 1
        made[2].record("created", by=SYSTEM)
        found = db.session.scalars(select(Account.name).order_by(Account.id)).all()
    assert [x for x in seen if x.startswith("INSERT INTO account")] == seen[1:2]
    assert found == ["Acme", "Other", "Acme"]
    with transaction():
        lock(Account, made[2].id).name = "Third"
    db.session.expire_all()
    assert [row.name for row in made] == ["Acme", "Other", "Third"]
