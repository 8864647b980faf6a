"""Each rule of receivables is broken here by hand, past every trigger, and must be told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from app import clock
from app.commands.receivables import allocations, credit_notes, offline
from app.db import end_read, transaction
from app.models import CreditReason
from app.money import Money
from app.queries.invariants import broken
from tests import factories, ledgers
from tests.ledgers import key

CARELESS = {
    "2: the lines of CN-00001": "UPDATE credit_note_line SET amount = amount + 1",
    "2: CN-00001 says": "UPDATE credit_note SET net = net - 1, tax = tax + 1",
    "5: INV-00001 is over": "UPDATE allocation SET amount = amount + 1",
    "5: of the money of": "UPDATE receipt SET amount = amount - 1 WHERE number = 'R-00001'",
    "5: the money of": "UPDATE allocation SET amount = -amount",
    "6: receipt R-00003 is not": "UPDATE receipt SET amount = amount + 1 WHERE reversal",
    "6: nobody recorded": "UPDATE receipt SET recorded_by_id = NULL WHERE number = 'R-00001'",
    "6: receipt R-00001 says": "UPDATE receipt SET kind = 'gateway' WHERE number = 'R-00001'",
}


@pytest.fixture
def books(app: Flask) -> Flask:
    """An invoice paid to the cent by two thirds of money and a credit note, and a cheque that bounced."""
    clerk, customer = ledgers.clerk(), factories.account()
    customer_id = customer.id
    bill = ledgers.invoice(customer)
    money = ledgers.on_account(customer_id, clerk, 10_900)
    allocations.apply(money.id, bill.id, amount=Money(10_900, "EUR"), form_key=key(), by=clerk)
    facts = {"reason": CreditReason.PRICE, "note": "", "form_key": key(), "by": clerk}
    credit_notes.for_amount(bill.id, amount=Money(1_000, "EUR"), **facts)  # type: ignore[arg-type]
    cheque = ledgers.on_account(customer_id, clerk, 500)
    offline.reverse(cheque.id, because="x", on=clock.today(factories.ZONE), form_key=key(), by=clerk)
    end_read()
    return app


def test_honest_receivables_hold(books: Flask) -> None:
    assert broken(grace=timedelta(0)) == []


@pytest.mark.parametrize("told", CARELESS)
def test_a_broken_rule_is_told(books: Flask, told: str) -> None:
    with transaction() as session:
        session.execute(text("PRAGMA ignore_check_constraints = ON"))
        names = session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in names:
            session.execute(text(f"DROP TRIGGER {name}"))
        session.execute(text(CARELESS[told]))
    assert [x for x in broken(grace=timedelta(0)) if x.startswith(told)], broken(grace=timedelta(0))
