"""What was open on an earlier day goes by the day money was received, and comes to what journal and statements say."""

from __future__ import annotations

from datetime import date
from typing import Any

import time_machine
from flask import Flask

from app.access import Role
from app.commands.receivables import allocations, credit_notes, offline, write_offs
from app.db import db
from app.models import Account, CreditReason, Invoice, User
from app.money import Money
from app.queries.months import Month
from app.queries.receivables import ageing, statement
from app.queries.receivables.ageing import Asked
from app.queries.reports import journal
from app.queries.reports.posting import Ledger
from tests import factories, ledgers
from tests.commands import moving

JANUARY, FEBRUARY = date(2027, 1, 31), date(2027, 2, 28)


def on(day: str) -> Any:
    return time_machine.travel(f"{day} 12:00:00+00:00", tick=False)


def open_on(day: date) -> dict[str, int]:
    return {row.number: row.open.minor for row in ageing.every(Asked(day, factories.ZONE))}


def owed(day: date) -> tuple[int, int, int]:
    """What ageing, statements and the journal say that customers owe at the end of the day, a month's last."""
    asked = Asked(day, factories.ZONE)
    aged = sum(row.total.minor for row in ageing.totals(asked)) - sum(m.minor for m in ageing.unapplied(asked))
    accounts = db.session.query(Account).all()
    stated = sum(statement.view(a, {"to": day.isoformat()}, factories.ZONE).closing.minor for a in accounts)
    months = [Month(day.year, n) for n in range(1, day.month + 1)]
    booked = [e for m in months for e in journal.entries(m, factories.ZONE) if e.account is Ledger.RECEIVABLES]
    return aged, stated, sum(e.debit.minor - e.credit.minor for e in booked)


def live_through(boss: User) -> list[Invoice]:
    """Two months of a customer whose money is recorded days after it came."""
    with on("2027-01-04"):
        customer = factories.account()
        bills = [ledgers.invoice(customer) for _ in range(5)]
        charge = moving.paid(boss)
    wired, bounced, split, credited, gone = bills
    with on("2027-01-10"):
        advance = ledgers.on_account(customer.id, boss, 900)
        came = ledgers.came(11_900, received_on=date(2027, 1, 9))
        cheque = offline.for_invoice(bounced.id, came, form_key=ledgers.key(), by=boss)
        offline.for_invoice(credited.id, ledgers.came(11_900, reference="C"), form_key=ledgers.key(), by=boss)
    with on("2027-02-02"):
        early = {"received_on": date(2027, 1, 30)}
        offline.for_invoice(wired.id, ledgers.came(11_900, reference="W", **early), form_key=ledgers.key(), by=boss)
        part = ledgers.on_account(customer.id, boss, 5_000, reference="S", **early)
        facts = {"because": "No funds", "form_key": ledgers.key(), "by": boss}
        offline.reverse(cheque.id, on=date(2027, 1, 29), **facts)
    with on("2027-02-05"):
        eur = {"form_key": ledgers.key(), "by": boss}
        allocations.apply(part.id, split.id, amount=Money(5_000, "EUR"), **eur)
        allocations.apply(advance.id, gone.id, amount=Money(900, "EUR"), form_key=ledgers.key(), by=boss)
        note = {"reason": CreditReason.PRICE, "note": "", "form_key": ledgers.key(), "by": boss}
        credit_notes.for_amount(credited.id, amount=Money(1_190, "EUR"), **note)
        write_offs.write_off(gone.id, because="Old", form_key=ledgers.key(), by=boss)
        moving.refund(charge, 500, boss)
    return bills


def test_an_earlier_day_shows_what_had_come_by_then_and_ties_to_journal_and_statements(any_app: Flask) -> None:
    boss = factories.user(Role.ADMIN)
    wired, bounced, split, credited, gone = live_through(boss)
    with on("2027-03-01"), any_app.test_request_context():
        january = open_on(JANUARY)
        assert wired.number not in january, "it came on the 30th, and was recorded on the 2nd"
        assert january[bounced.number or ""] == 11_900, "the bank returned it on the 29th"
        assert january[split.number or ""] == 11_900 and credited.number not in january
        assert [m.minor for m in ageing.unapplied(Asked(JANUARY, factories.ZONE))] == [5_000 + 900]
        for day in (JANUARY, FEBRUARY):
            assert len(set(owed(day))) == 1, owed(day)
        assert [m.minor for m in ageing.unapplied(Asked(FEBRUARY, factories.ZONE))] == [1_190]
        assert gone.number not in open_on(FEBRUARY)
