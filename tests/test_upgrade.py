"""An older database with money in it is brought up to date: nothing is lost, and evidence stays guarded."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import MetaData, inspect, text

from app import append_only, migrating
from app.db import db
from tests.conftest import make_app

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PAID: dict[str, dict[str, Any]] = {
    "account": {"number": "A-1", "name": "Northfield", "currency": "EUR", "tax_id": "", "tax_status": "standard"},
    "user": {"email": "a@example.com", "name": "Ada", "title": "", "password_hash": "x", "roles": [], "grants": []},
    "sales_order": {"number": "SO-1", "status": "booked", "account_id": 1, "owner_id": 1, "tags": [], "edition": 1},
    "gateway": {"key": "sandbox", "kind": "sandbox", "name": "Sandbox", "mode": "test", "currencies": ["EUR"]},
    "payment_order": {"number": "PO-1", "status": "open", "account_id": 1, "order_id": 1, "purpose": "x"},
    "payment_intent": {"public_id": "i", "generation": 1, "payment_order_id": 1, "status": "paid", "purpose": "link"},
    "attempt": {"public_id": "a", "payment_order_id": 1, "intent_id": 1, "status": "succeeded", "gateway_id": 1},
    "transaction": {"payment_order_id": 1, "attempt_id": 1, "gateway_id": 1, "action": "charge", "provider_id": "ch"},
    "receipt": {"number": "R-1", "account_id": 1, "transaction_id": 1, "paid_with": "Visa ending 4242"},
    "post_processing": {"transaction_id": 1, "tries": 0},
}
COMMON: dict[str, Any] = {
    "amount": 100,
    "currency": "EUR",
    "at": NOW,
    "created_at": NOW,
    "updated_at": NOW,
    "expires_at": NOW,
    "payment_terms_days": 14,
    "state": "active",
    "first": False,
    "collection": "payment_link",
    "attempt_limit": 5,
    "card_label": "",
    "save_method": False,
    "request": {},
    "actor_kind": "customer",
    "actor_name": "Maria",
    "asked": 0,
    "reference": "",
    "raw_sha256": "",
    "idempotency_key": "k",
    "active": True,
    "session_epoch": 1,
    "team": "",
    "prices_include_tax": False,
    "rounding_rule": "half_up",
    "renewal": "none",
}


def put(*rows: tuple[str, int, dict[str, Any]]) -> None:
    """Straight into the tables as they were, with whatever columns they had."""
    tables = MetaData()
    tables.reflect(db.engine)
    with db.engine.begin() as connection:
        for name, id, facts in rows:
            known = {**COMMON, **facts}
            row = {c.name: known[c.name] for c in tables.tables[name].columns if c.name in known}
            connection.execute(tables.tables[name].insert().values(id=id, **row))


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Flask:
    """A database of the first release, with one payment in it."""
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        server.execute(f"CREATE DATABASE {(name := f'old_{uuid4().hex}')} TEMPLATE template0")
        url = server.url(name)
    app = make_app(url, tmp_path)
    migrating.bind(app)
    from flask_migrate import upgrade

    with app.app_context():
        upgrade(revision="0001")
        put(*((name, 1, facts) for name, facts in PAID.items()))
    return app


@pytest.mark.engines
def test_an_older_database_keeps_its_money_and_its_guards(old: Flask) -> None:
    from flask_migrate import upgrade

    with old.app_context():
        upgrade()
        for name in PAID:
            assert db.session.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() == 1, name  # noqa: S608
        sqlite = db.engine.dialect.name == "sqlite"
        guards = (
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'append_only%'"
            if sqlite
            else "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'append_only%'"
        )
        assert db.session.execute(text(guards)).scalar_one() == 2 * len(append_only.tables())
        if sqlite:
            assert db.session.execute(text("PRAGMA foreign_key_check")).all() == []
            assert db.session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        assert "movement" in inspect(db.engine).get_table_names()
        db.session.remove()
        db.engine.dispose()


@pytest.mark.engines
def test_each_old_loss_is_told_of_its_own_dispute(old: Flask) -> None:
    """By its amount, equal ones in their order; the one that is left is of the dispute that is left."""
    from flask_migrate import upgrade

    with old.app_context():
        upgrade(revision="0020")
        lost = {"payment_order_id": 1, "transaction_id": 1, "gateway_id": 1, "status": "lost", "reason": "fraudulent"}
        lost |= {"inquiry": False, "opened_at": NOW, "evidence": {}, "answered_with": []}
        taken = {"account_id": 1, "payment_order_id": 1, "parent_id": 1, "kind": "gateway", "paid_with": ""}
        put(
            *(
                ("dispute", n, lost | {"number": f"D-{n}", "amount": amount})
                for n, amount in ((1, 20), (2, 30), (3, 20))
            ),
            *(("receipt", n, taken | {"number": f"R-{n}", "amount": x}) for n, x in ((2, -20), (3, -20), (4, -27))),
        )
        upgrade()
        named = db.session.execute(text("SELECT id, dispute_id FROM receipt ORDER BY id")).all()
        assert [tuple(row) for row in named] == [(1, None), (2, 1), (3, 3), (4, 2)]
        db.session.remove()
        db.engine.dispose()


@pytest.mark.engines
def test_agreements_by_hand_that_run_get_what_they_supply(old: Flask) -> None:
    from flask_migrate import upgrade

    with old.app_context():
        upgrade(revision="0027")
        terms = {"account_id": 1, "owner_id": 1, "zone": "Europe/Berlin", "frequency": "monthly", "every": 1}
        terms |= {"anchor": NOW.date(), "anchor_period": 1, "first_period": 1, "proration": "none", "version": 1}
        terms |= {"consent_text": "x", "consent_by": "x", "consent_how": "x", "consent_at": NOW}
        line = {"position": 1, "sku": "", "description": "Desk", "quantity": 2000, "unit_price": 1, "tax_rate": 0}
        line |= {"discount_percent": 0}
        states = ("active", "draft", "paused", "cancelled")
        put(
            *(("payment_agreement", n, terms | {"number": f"PA-{n}", "status": x}) for n, x in enumerate(states, 1)),
            *(("agreement_line", n, line | {"agreement_id": n}) for n in range(1, 5)),
        )
        upgrade()
        made = db.session.execute(
            text("SELECT agreement_id, agreement_line_id, status, quantity, order_id FROM subscription ORDER BY id")
        ).all()
        assert [tuple(row) for row in made] == [(n, n, "scheduled", 2000, None) for n in (1, 3)]
        db.session.remove()
        db.engine.dispose()
