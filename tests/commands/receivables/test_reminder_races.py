"""Two sweeps at once remind of an invoice once, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Engine, event, func, select

from app import db as house
from app.commands.receivables import reminders
from app.db import db, end_read
from app.models import Invoice, InvoiceReminder, OrderEmail
from tests import ledgers
from tests.commands.agreements.test_charging_races import begin_plainly
from tests.racing import meet, race

pytestmark = pytest.mark.engines

TODAY = date(2027, 3, 16)


@pytest.fixture
def bill_id(any_app: Flask) -> Iterator[int]:
    """Due yesterday."""
    with time_machine.travel("2027-03-01 12:00:00+00:00", tick=False):
        row = ledgers.invoice()
    end_read()
    with time_machine.travel("2027-03-16 12:00:00+00:00", tick=True):
        yield row.id


def count(model: Any, *where: Any) -> int:
    found = db.session.scalar(select(func.count()).select_from(model).where(*where)) or 0
    end_read()
    return found


def test_two_sweeps_send_one(any_app: Flask, bill_id: int) -> None:
    results = race(any_app, [reminders.send_due] * 3)
    assert sorted(results) == [0, 0, 1]
    assert count(InvoiceReminder) == count(OrderEmail, OrderEmail.kind == "invoice_reminder") == 1


def test_control_without_lock_and_constraint_two_are_sent(
    any_app: Flask, bill_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, send = threading.Barrier(2), reminders._send

    def unheld(model: type[Any], id: int) -> Any:
        return db.session.get_one(model, id, populate_existing=True)

    def slowly(invoice: Invoice, step: int | None, **facts: Any) -> Any:
        """Under a step and a cause of its own, so that neither unique index sees that it is the same."""
        meet(both)
        return send(invoice, None, **(facts | {"cause": f"thread:{threading.get_ident()}"}))

    monkeypatch.setattr(reminders, "lock", unheld)
    monkeypatch.setattr(reminders, "_send", slowly)
    event.remove(Engine, "begin", house._begin_sqlite)
    event.listen(Engine, "begin", begin_plainly)
    try:
        results = race(any_app, [lambda: reminders.remind(bill_id, TODAY)] * 2)
    finally:
        event.remove(Engine, "begin", begin_plainly)
        event.listen(Engine, "begin", house._begin_sqlite)
    broke = [r for r in results if isinstance(r, Exception)]
    assert count(InvoiceReminder) == 2 or broke


def test_the_database_itself_refuses_a_step_twice(any_app: Flask, bill_id: int) -> None:
    assert reminders.remind(bill_id, TODAY)
    row = db.session.scalars(select(InvoiceReminder)).one()
    facts = {"invoice_id": row.invoice_id, "step": row.step, "email_id": row.email_id, "sent_by": "Twice"}
    end_read()
    with pytest.raises(Exception, match=r"(?i)unique"), house.transaction() as session:
        session.add(InvoiceReminder(**facts))
