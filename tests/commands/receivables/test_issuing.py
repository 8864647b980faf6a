"""An order on payment terms is invoiced: by whoever may, and with a booking that leaves nothing to wait for."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.orders import orders
from app.commands.payments import collection
from app.commands.receivables import credit_notes, invoices, issuing, offline
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.models import (
    SYSTEM,
    CollectionMethod,
    CreditReason,
    Document,
    Due,
    Instalment,
    Invoice,
    InvoiceKind,
    PaymentOrder,
    SalesOrder,
    User,
)
from app.money import Money
from app.queries import invariants
from tests import factories, ledgers
from tests.commands.collecting import CARD, booked, fresh, request
from tests.gateways.scripted import ScriptedGateway
from tests.ledgers import came


@pytest.fixture
def clerk(app: Flask) -> User:
    return factories.user(Role.BILLING)


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN, email="boss@countersign.test")


def bills(order: SalesOrder) -> list[Invoice]:
    db.session.expire_all()
    found = db.session.scalars(select(Invoice).where(Invoice.order_id == order.id).order_by(Invoice.id)).all()
    end_read()
    return list(found)


def planned(by: User, due: Due, **facts: object) -> SalesOrder:
    """A draft whose whole total is due by bank transfer then; its invoices are due in 30 days."""
    order = factories.order(owner=by, **facts)
    on = date(2030, 1, 1) if due is Due.DATE else None
    step = Instalment(position=1, percent=Decimal(100), due=due, due_date=on, collection=CollectionMethod.OFFLINE)
    with transaction() as session:
        row = session.get_one(SalesOrder, order.id)
        row.instalments, row.payment_terms_days = [step], 30
    return fresh(order)


def test_what_is_left_of_a_booked_order_is_invoiced_once_by_its_own_terms(
    gateway: ScriptedGateway, clerk: User, boss: User
) -> None:
    order = planned(boss, Due.DATE)
    with pytest.raises(Refusal, match="not_booked"):
        issuing.on_terms(order.id, by=clerk)
    orders.book(order.id, by=boss)
    assert bills(order) == [], "its plan waits for a day"
    invoice = issuing.on_terms(order.id, by=clerk)
    today = clock.today(factories.ZONE)
    assert (invoice.gross, invoice.due_date) == (41_055, today + timedelta(days=30))
    assert len(invoice.lines) == len(order.lines)
    assert db.session.query(Document).filter_by(kind="invoice", subject_id=invoice.id).count() == 1
    end_read()
    with pytest.raises(Refusal, match="all_invoiced"):
        issuing.on_terms(order.id, by=clerk)
    row = request(fresh(order), boss, minor=41_055)
    collection.collect(row.id, pay_with=CARD, form_key="card", by=boss)
    assert [ledgers.standing(x) for x in bills(order)] == [("paid", 0)]


@pytest.mark.parametrize(("due", "ahead", "issued"), [(Due.SIGNATURE, 0, [41_055]), (Due.SIGNATURE, 9, [])])
def test_booking_on_terms_bills_what_waits_for_nothing(
    clerk: User, boss: User, due: Due, ahead: int, issued: list[int]
) -> None:
    starts = clock.today(factories.ZONE) + timedelta(days=ahead)
    order = planned(boss, due, start_date=starts)
    orders.book(order.id, by=boss)
    assert [x.gross for x in bills(order)] == issued


def wire(order: SalesOrder, minor: int, by: User) -> None:
    row = db.session.scalars(select(PaymentOrder).where(PaymentOrder.order_id == order.id)).one()
    end_read()
    offline.for_payment_order(row.id, came(minor), form_key=ledgers.key(), by=by)


def test_a_transfer_in_two_parts_pays_the_invoice_of_the_booking_as_each_comes(boss: User) -> None:
    order = planned(boss, Due.SIGNATURE)
    orders.book(order.id, by=boss)
    for part, left in ((20_000, ("part_paid", 21_055)), (21_055, ("paid", 0))):
        wire(order, part, boss)
        assert [ledgers.standing(x) for x in bills(order)] == [left]


def test_a_transfer_in_parts_pays_several_open_invoices_the_oldest_first(boss: User) -> None:
    order = planned(boss, Due.SIGNATURE, start_date=clock.today(factories.ZONE) + timedelta(days=9))
    orders.book(order.id, by=boss)
    wire(order, 1_000, boss)
    for minor in (10_000, 31_055):
        with transaction() as session:
            invoices.on_terms(session.get_one(SalesOrder, order.id), most=Money(minor, "EUR"), by=SYSTEM)
    dues = []
    for part in (10_000, 10_000, 20_055):
        wire(order, part, boss)
        dues.append([ledgers.standing(x)[1] for x in bills(order)])
    assert dues == [[0, 30_055], [0, 20_055], [0, 0]]


def test_what_a_credit_note_took_off_a_part_is_not_billed_again(
    gateway: ScriptedGateway, clerk: User, boss: User
) -> None:
    order = booked(boss)
    issuing.on_terms(order.id, by=clerk)
    rest = bills(order)[1]
    facts = {"reason": CreditReason.PRICE, "note": "", "by": boss}
    credit_notes.for_amount(rest.id, amount=Money(1_000, "EUR"), form_key="part", **facts)
    with pytest.raises(Refusal, match="all_invoiced"):
        issuing.on_terms(order.id, by=clerk)
    credit_notes.for_amount(rest.id, amount=Money(35_949, "EUR"), form_key="rest", **facts)
    assert issuing.on_terms(order.id, by=clerk).gross == 36_949


@pytest.mark.parametrize("paid", [False, True], ids=["issued", "paid by card"])
def test_the_last_bill_beside_a_credited_deposit_is_a_final_invoice_of_what_is_left(
    gateway: ScriptedGateway, clerk: User, boss: User, paid: bool
) -> None:
    lines = [
        factories.line(n, unit_price=Decimal(price), tax_rate=Decimal(rate))
        for n, (price, rate) in enumerate((("33.37", 19), ("11.11", 7), ("5.09", 0)), start=1)
    ]
    order = booked(boss, deposit="50", lines=lines)
    first, totals = bills(order)[0], order.totals()
    facts = {"reason": CreditReason.PRICE, "note": "", "form_key": "price", "by": boss}
    credit_notes.for_amount(first.id, amount=Money(1_000, "EUR"), **facts)
    if paid:
        row = request(fresh(order), boss, minor=totals.gross.minor - first.gross)
        collection.collect(row.id, pay_with=CARD, form_key="card", by=boss)
    else:
        issuing.on_terms(order.id, by=clerk)
    first, last = bills(order)
    assert (last.kind, {x["number"] for x in last.deductions}) == (InvoiceKind.FINAL, {first.number})
    billed = {(x["rate"], name): x[name] for x in last.tax_by_rate for name in ("base", "tax")}
    for x in first.tax_by_rate:
        for name in ("base", "tax"):
            billed[x["rate"], name] = billed.get((x["rate"], name), 0) + x[name]
    whole = {(str(t.rate), name): getattr(t, name).minor for t in totals.by_rate for name in ("base", "tax")}
    assert billed == whole
    end_read()
    assert [x for x in invariants.broken(grace=timedelta(0)) if not x.startswith("25:")] == []
