"""Unapplied cash above the limit is paid out by two people, and by nobody twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, event, select

from app import clock, settings
from app import db as house
from app.access import Role
from app.commands.receivables import allocations, offline, pay_outs
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.models import Account, Audit, PayOut, Receipt, ReceiptKind, Setting, User
from app.money import Money
from app.queries import invariants
from app.states.pay_out import PayOutStatus
from tests import factories, ledgers
from tests.commands.payments.test_charge_races import begin_plainly
from tests.ledgers import key
from tests.racing import meet, race, refused


@pytest.fixture
def limited(app: Flask) -> None:
    """50.00 need no second person."""
    limit()


def limit() -> None:
    factories.company()
    with transaction() as session:
        session.merge(Setting(key=settings.REFUND_SECOND_PERSON.key, value=True))
        session.merge(Setting(key=settings.REFUND_LIMIT.key, value=5_000))
    settings.forget()


@pytest.fixture
def clerk(app: Flask) -> User:
    return ledgers.clerk()


def ask(money: Receipt, by: User, minor: int, form_key: str = "") -> Receipt | PayOut:
    facts = {"kind": ReceiptKind.WIRE, "reference": "O-1", "on": clock.today(factories.ZONE), "because": "Too much"}
    amount = Money(minor, "EUR")
    return allocations.pay_out(money.id, amount=amount, form_key=form_key or key(), by=by, **facts)  # type: ignore[arg-type]


def waiting(money: Receipt, by: User, minor: int = 8_000) -> PayOut:
    row = ask(money, by, minor)
    assert isinstance(row, PayOut)
    return row


@pytest.fixture
def money(app: Flask, clerk: User) -> Receipt:
    return ledgers.on_account(factories.account().id, clerk)


def status(row: PayOut) -> PayOutStatus:
    db.session.expire_all()
    found = db.session.get_one(PayOut, row.id).status
    end_read()
    return found


def test_above_the_limit_it_leaves_once_a_second_person_said_yes(limited: None, money: Receipt, clerk: User) -> None:
    row = waiting(money, clerk)
    assert (ledgers.unapplied(money), row.status) == (11_900, PayOutStatus.REQUESTED)
    for who, code in ((clerk, "own_request"), (factories.user(Role.BILLING), "not_permitted")):
        with pytest.raises(Refusal, match=code):
            pay_outs.approve(row.id, by=who)
    pay_outs.approve(row.id, by=ledgers.clerk())
    assert (ledgers.unapplied(money), status(row)) == (3_900, PayOutStatus.PAID)
    left = db.session.get_one(Receipt, db.session.get_one(PayOut, row.id).paid_id)
    assert (left.amount, left.parent_id, left.reference) == (-8_000, money.id, "O-1")
    audited = set(db.session.scalars(select(Audit.action).where(Audit.subject == money.number)))
    assert {"receipt.ask_pay_out", "receipt.pay_out", "pay_out.approve"} <= audited
    with pytest.raises(Refusal, match="not_waiting"):
        pay_outs.approve(row.id, by=ledgers.clerk())
    end_read()
    assert invariants.broken(grace=timedelta(0)) == []


def test_parts_do_not_pass_under_the_limit_and_the_same_form_asks_once(
    limited: None, money: Receipt, clerk: User
) -> None:
    assert isinstance(ask(money, clerk, 3_000), Receipt)
    second = ask(money, clerk, 3_000, "k")
    assert isinstance(second, PayOut) and ask(money, clerk, 3_000, "k").id == second.id


def test_what_waits_is_held_back_until_it_is_refused(limited: None, money: Receipt, clerk: User) -> None:
    invoice = ledgers.invoice(money_account(money))
    row = waiting(money, clerk)
    with pytest.raises(Refusal, match="more_than_unapplied"):
        ask(money, clerk, 3_901)
    with pytest.raises(Refusal, match="more_than_unapplied"):
        allocations.apply(money.id, invoice.id, amount=Money(3_901, "EUR"), form_key=key(), by=clerk)
    with pytest.raises(Refusal, match="not_permitted"):
        pay_outs.refuse(row.id, because="No", by=factories.user(Role.PAYMENT_OPERATIONS))
    pay_outs.refuse(row.id, because="Apply it instead", by=clerk)  # who asked takes it back
    assert status(row) is PayOutStatus.REFUSED
    allocations.apply(money.id, invoice.id, amount=Money(11_900, "EUR"), form_key=key(), by=clerk)


def money_account(money: Receipt) -> Account:
    return db.session.get_one(Account, money.account_id)


def test_what_bounced_meanwhile_is_not_paid_out(limited: None, money: Receipt, clerk: User) -> None:
    row = waiting(money, clerk)
    offline.reverse(money.id, because="No funds", on=clock.today(factories.ZONE), form_key=key(), by=clerk)
    with pytest.raises(Refusal, match="more_than_unapplied"):
        pay_outs.approve(row.id, by=ledgers.clerk())
    assert status(row) is PayOutStatus.REQUESTED


def approvals() -> list[Callable[[], object]]:
    """Three who approve the same pay-out; there would be money enough for all."""
    limit()
    clerk = ledgers.clerk()
    row_id = waiting(ledgers.on_account(factories.account().id, clerk, 30_000), clerk).id
    ids = [ledgers.clerk().id for _ in range(3)]
    end_read()
    return [lambda id=id: pay_outs.approve(row_id, by=db.session.get_one(User, id)) for id in ids]  # type: ignore[misc]


def left() -> list[int]:
    db.session.expire_all()
    return list(db.session.scalars(select(Receipt.amount).where(Receipt.amount < 0)))


@pytest.mark.engines
def test_two_who_approve_at_once_pay_once(any_app: Flask) -> None:
    results = race(any_app, approvals())
    assert refused(results) == ["not_waiting"] * 2, results
    assert left() == [-8_000]


@pytest.mark.engines
def test_control_without_locks_it_is_paid_more_than_once(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = approvals()
    met, look = threading.Barrier(len(calls)), pay_outs._waiting

    def slowly(pay_out_id: int) -> PayOut:
        row = look(pay_out_id)
        meet(met)
        return row

    monkeypatch.setattr(pay_outs, "_waiting", slowly)
    monkeypatch.setattr(pay_outs, "lock", lambda model, id: db.session.get_one(model, id, populate_existing=True))
    event.remove(Engine, "begin", house._begin_sqlite)
    event.listen(Engine, "begin", begin_plainly)
    try:
        results = race(any_app, calls)
    finally:
        event.remove(Engine, "begin", begin_plainly)
        event.listen(Engine, "begin", house._begin_sqlite)
    assert not refused(results)
    assert len(left()) > 1 or [r for r in results if isinstance(r, Exception)]  # SQLite tells the second itself
