"""Money applied, moved and taken off by hand: never more than there is, and every step stays to be read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.receivables import allocations
from app.db import db
from app.errors import Refusal
from app.gateways.sandbox import script
from app.gateways.sandbox.tables import Call, ChargeState
from app.models import Account, Audit, History, Invoice, Receipt, ReceiptKind, User
from app.money import Money
from app.queries import invariants
from app.states.movement import MovementStatus
from tests import factories, ledgers
from tests.commands import moving
from tests.ledgers import key


@pytest.fixture
def clerk(app: Flask) -> User:
    return ledgers.clerk()


@pytest.fixture
def customer(app: Flask) -> Account:
    return factories.account()


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def applied(receipt: Receipt, invoice: Invoice, minor: int, by: User) -> None:
    allocations.apply(receipt.id, invoice.id, amount=eur(minor), form_key=key(), by=by)


def sound() -> bool:
    db.session.rollback()
    broken = [x for x in invariants.broken(grace=timedelta(0)) if not x.startswith("2:")]  # the factory's forty lines
    assert broken == []
    return True


def test_unapplied_cash_pays_invoices_until_it_is_gone(customer: Account, clerk: User) -> None:
    money = ledgers.on_account(customer.id, clerk, 15_000)
    first, second = ledgers.invoice(customer), ledgers.invoice(customer)
    applied(money, first, 11_900, clerk)
    applied(money, second, 3_100, clerk)
    assert (ledgers.standing(first), ledgers.standing(second)) == (("paid", 0), ("part_paid", 8_800))
    assert ledgers.unapplied(money) == 0
    assert sound()


@pytest.mark.parametrize(("minor", "code"), [(5_001, "more_than_unapplied"), (0, "not_positive"), (-1, "not_positive")])
def test_no_more_than_there_is(customer: Account, clerk: User, minor: int, code: str) -> None:
    money, invoice = ledgers.on_account(customer.id, clerk, 5_000), ledgers.invoice(customer)
    with pytest.raises(Refusal) as refused:
        applied(money, invoice, minor, clerk)
    assert refused.value.code == code
    assert ledgers.allocations(invoice) == []


def test_no_more_than_is_due_and_nothing_on_what_is_paid(customer: Account, clerk: User) -> None:
    money, invoice = ledgers.on_account(customer.id, clerk, 50_000), ledgers.invoice(customer)
    with pytest.raises(Refusal, match="more_than_due"):
        applied(money, invoice, 11_901, clerk)
    applied(money, invoice, 11_900, clerk)
    with pytest.raises(Refusal, match="not_open"):
        applied(money, invoice, 1, clerk)


@pytest.mark.parametrize("foreign", ["account", "currency"])
def test_neither_another_account_nor_another_currency(customer: Account, clerk: User, foreign: str) -> None:
    owner = factories.account() if foreign == "account" else customer
    invoice = ledgers.invoice(owner, currency="EUR" if foreign == "account" else "USD")
    with pytest.raises(Refusal, match="foreign_invoice"):
        applied(ledgers.on_account(customer.id, clerk), invoice, 100, clerk)


def test_what_is_moved_pays_the_other_one_and_leaves_its_traces(customer: Account, clerk: User) -> None:
    money, first, second = ledgers.on_account(customer.id, clerk), ledgers.invoice(customer), ledgers.invoice(customer)
    applied(money, first, 11_900, clerk)
    for _ in range(2):  # the same form
        allocations.move(money.id, first.id, second.id, amount=eur(4_000), because="Wrong one", form_key="m", by=clerk)
    assert (ledgers.standing(first), ledgers.standing(second)) == (("part_paid", 4_000), ("part_paid", 7_900))
    assert (ledgers.allocations(first), ledgers.allocations(second)) == ([11_900, -4_000], [4_000])
    told = db.session.scalars(select(History.because).where(History.entity == "invoice", History.entity_id == first.id))
    assert "Wrong one" in set(told)
    noted = db.session.scalars(select(Audit.action).where(Audit.subject == money.number)).all()
    assert noted.count("receipt.take_back") == 1
    assert sound()


def test_what_cannot_pay_the_other_one_stays_where_it_is(customer: Account, clerk: User) -> None:
    money, first = ledgers.on_account(customer.id, clerk), ledgers.invoice(customer)
    applied(money, first, 11_900, clerk)
    small = ledgers.invoice(customer, net=1_000, tax=190, gross=1_190)
    with pytest.raises(Refusal, match="more_than_due"):
        allocations.move(money.id, first.id, small.id, amount=eur(5_000), because="x", form_key=key(), by=clerk)
    assert ledgers.allocations(first) == [11_900]


def test_what_is_taken_off_is_unapplied_and_may_be_applied_again(customer: Account, clerk: User) -> None:
    money, invoice = ledgers.on_account(customer.id, clerk), ledgers.invoice(customer)
    applied(money, invoice, 11_900, clerk)
    allocations.take_off(money.id, invoice.id, amount=eur(11_900), because="x", form_key=key(), by=clerk)
    assert (ledgers.standing(invoice), ledgers.unapplied(money)) == (("issued", 11_900), 11_900)
    with pytest.raises(Refusal, match="more_than_applied"):
        allocations.take_off(money.id, invoice.id, amount=eur(1), because="x", form_key=key(), by=clerk)
    applied(money, invoice, 11_900, clerk)
    assert ledgers.standing(invoice) == ("paid", 0)
    assert sound()


def test_unapplied_offline_money_is_paid_out_and_gone(customer: Account, clerk: User) -> None:
    money = ledgers.on_account(customer.id, clerk, 5_000)
    facts = {"kind": ReceiptKind.WIRE, "reference": "OUT-1", "on": clock.today(factories.ZONE), "because": "Too much"}
    gone = allocations.pay_out(money.id, amount=eur(2_000), form_key=key(), by=clerk, **facts)
    assert (gone.amount, ledgers.unapplied(money)) == (-2_000, 3_000)
    with pytest.raises(Refusal, match="more_than_unapplied"):
        allocations.pay_out(money.id, amount=eur(3_001), form_key=key(), by=clerk, **facts)
    with pytest.raises(Refusal, match="day_before"):
        early = facts | {"on": clock.today(factories.ZONE) - timedelta(days=1)}
        allocations.pay_out(money.id, amount=eur(1), form_key=key(), by=clerk, **early)
    assert sound()


def test_what_a_gateway_took_is_refunded_and_a_refund_takes_unapplied_cash_first(app: Flask) -> None:
    boss = factories.user(Role.ADMIN)
    charge = moving.paid(boss)
    money = db.session.scalars(select(Receipt).where(Receipt.transaction_id == charge.id)).one()
    invoice = db.session.scalars(select(Invoice)).one()
    allocations.take_off(money.id, invoice.id, amount=eur(1_000), because="x", form_key=key(), by=boss)
    facts = {"kind": ReceiptKind.WIRE, "reference": "X", "on": clock.today(factories.ZONE), "because": "x"}
    with pytest.raises(Refusal, match="refund_it"):
        allocations.pay_out(money.id, amount=eur(1_000), form_key=key(), by=boss, **facts)
    moving.refund(charge, 1_500, boss)
    assert ledgers.standing(invoice) == ("part_paid", 1_500)
    assert ledgers.unapplied(money) == 0
    with pytest.raises(Refusal, match="more_than_unapplied"):
        allocations.apply(money.id, invoice.id, amount=eur(1), form_key=key(), by=boss)
    assert sound()


def test_what_is_being_refunded_pays_no_invoice_meanwhile(app: Flask) -> None:
    boss = factories.user(Role.ADMIN)
    charge = moving.paid(boss)
    money = db.session.scalars(select(Receipt).where(Receipt.transaction_id == charge.id)).one()
    invoice = db.session.scalars(select(Invoice)).one()
    allocations.take_off(money.id, invoice.id, amount=eur(1_500), because="x", form_key=key(), by=boss)
    script.next_call(Call.REFUND, state=ChargeState.PENDING)
    assert moving.refund(charge, 1_000, boss).status is MovementStatus.PENDING
    with pytest.raises(Refusal, match="more_than_unapplied"):
        allocations.apply(money.id, invoice.id, amount=eur(501), form_key=key(), by=boss)
    allocations.apply(money.id, invoice.id, amount=eur(500), form_key=key(), by=boss)
    assert ledgers.unapplied(money) == 1_000


def test_only_who_may_allocate_allocates(customer: Account, clerk: User) -> None:
    money, invoice = ledgers.on_account(customer.id, clerk), ledgers.invoice(customer)
    with pytest.raises(Refusal, match="not_permitted"):
        applied(money, invoice, 100, factories.user(Role.BILLING))
