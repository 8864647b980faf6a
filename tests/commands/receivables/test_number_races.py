"""Numbers of invoices and credit notes under concurrency: one after the other, and none is missing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from app import numbering
from app.access import Role
from app.commands.payments import collection
from app.commands.receivables import credit_notes
from app.db import db, end_read, transaction
from app.models import Counter, CreditNote, CreditReason, Invoice, User
from app.money import Money
from tests import factories, ledgers
from tests.commands import moving
from tests.racing import race, refused

pytestmark = pytest.mark.engines
RIVALS = 4


def numbers(model: type[Invoice] | type[CreditNote]) -> list[str]:
    db.session.expire_all()
    found = db.session.scalars(select(model.number).order_by(model.number)).all()
    end_read()
    return [str(number) for number in found]


def test_invoices_issued_at_once_have_no_gap_though_one_is_refused(any_app: Flask) -> None:
    boss = factories.user(Role.ADMIN)
    boss_id, orders = boss.id, [factories.order(owner=boss).id for _ in range(RIVALS)]
    end_read()

    def pay(order_id: int) -> Callable[[], object]:
        def call() -> object:
            by = db.session.get_one(User, boss_id)
            return collection.collect_first(order_id, pay_with=moving.card(), form_key=f"k{order_id}", by=by)

        return call

    results = race(any_app, [pay(id) for id in orders])
    assert not [r for r in results if isinstance(r, Exception)], results
    assert numbers(Invoice) == [f"INV-{n:05}" for n in range(1, RIVALS + 1)]


def credits(any_app: Flask) -> list[Callable[[], CreditNote]]:
    """Of as many customers, and one that takes its number and is refused at the end."""
    clerk_id = ledgers.clerk().id
    invoices = [ledgers.invoice().id for _ in range(RIVALS)]
    end_read()

    def credit(invoice_id: int, spoilt: bool) -> Callable[[], CreditNote]:
        def call() -> CreditNote:
            by = db.session.get_one(User, clerk_id)
            facts = {"reason": CreditReason.PRICE, "note": "", "form_key": f"k{invoice_id}", "by": by}
            with transaction():
                row = credit_notes.for_amount(invoice_id, amount=Money(100, "EUR"), **facts)  # type: ignore[arg-type]
                if spoilt:
                    raise RuntimeError("it broke after its number was taken")
                return row

        return call

    return [credit(id, n == 1) for n, id in enumerate(invoices)]


def test_credit_notes_issued_at_once_have_no_gap_though_one_breaks(any_app: Flask) -> None:
    results = race(any_app, credits(any_app))
    assert len([r for r in results if isinstance(r, RuntimeError)]) == 1 and not refused(results), results
    assert numbers(CreditNote) == [f"CN-{n:05}" for n in range(1, RIVALS)]


def test_control_a_number_that_is_looked_up_first_is_taken_twice_or_leaves_a_gap(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a series must not be: read, thought about, written by whoever comes later, and kept if it comes to nothing."""
    calls, taken = credits(any_app), [0]

    def careless(series: str) -> str:
        found = taken[0]
        time.sleep(0.2)
        taken[0] = found + 1
        return numbering.SERIES[series].format(found + 1)

    monkeypatch.setattr(credit_notes.numbering, "take", careless)
    broken = race(any_app, calls[1:2])
    results = broken + race(any_app, calls[:1] + calls[2:])
    doubled = [r for r in results if isinstance(r, Exception) and not isinstance(r, RuntimeError)]
    assert doubled or numbers(CreditNote) != [f"CN-{n:05}" for n in range(1, RIVALS)]
    assert db.session.get(Counter, "credit_note") is None
