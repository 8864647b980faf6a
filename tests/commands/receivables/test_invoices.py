"""Deposit invoices and the final one: the parts of an order carry its net and tax to the cent, the last lists the lines
and deducts the parts before, and every paper says the same."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.commands.payments import collection
from app.commands.post import papers
from app.commands.receivables import credit_notes, invoice_mail
from app.commands.receivables import invoices as billing
from app.db import db, transaction
from app.errors import Refusal
from app.formatting import money
from app.models import (
    SYSTEM,
    Allocation,
    CreditNote,
    CreditReason,
    Invoice,
    InvoiceKind,
    OrderEmail,
    PaymentOrder,
    SalesOrder,
    User,
)
from app.money import Money
from app.queries import invariants
from app.queries.receivables import credits
from tests import factories, ledgers
from tests.commands.collecting import CARD, booked, fresh, request
from tests.conftest import Client
from tests.documents.test_documents import rendered, text_of
from tests.gateways.scripted import ScriptedGateway

UNEVEN = [
    factories.line(1, unit_price=Decimal("33.37"), tax_rate=Decimal(19)),
    factories.line(2, unit_price=Decimal("11.11"), tax_rate=Decimal(7)),
    factories.line(3, unit_price=Decimal("5.09"), tax_rate=Decimal(0)),
]
DESCRIPTIONS = [x["description"] for x in UNEVEN]


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user()


def paid_in_parts(seller: User, *, currency: str = "EUR", **facts: Any) -> SalesOrder:
    """A tenth at signature, then a seventh of the whole, then the rest."""
    customer = factories.account(currency=currency)
    order = booked(seller, customer=customer, lines=UNEVEN, **facts)
    whole = order.totals().gross.minor
    collect(order, seller, whole // 7, "second")
    collect(order, seller, whole - sum(x.gross for x in invoices(order)), "third")
    return fresh(order)


def collect(order: SalesOrder, seller: User, minor: int, key: str) -> None:
    row = request(order, seller, minor=minor, key=f"request-{key}")
    collection.collect(row.id, pay_with=CARD, form_key=f"pay-{key}", by=seller)


def on_terms(order: SalesOrder) -> Invoice:
    with transaction() as session:
        row = billing.on_terms(session.get_one(SalesOrder, order.id), by=SYSTEM)
    assert row is not None
    return row


def credit(row: Invoice, minor: int) -> CreditNote:
    facts: dict[str, Any] = {"reason": CreditReason.PRICE, "note": "", "form_key": ledgers.key(), "by": ledgers.clerk()}
    return credit_notes.for_amount(row.id, amount=Money(minor, row.currency), **facts)


def sound() -> bool:
    """But for 25: what the scripted gateway says is in nobody's books."""
    db.session.rollback()
    return [x for x in invariants.broken(grace=timedelta(0)) if not x.startswith("25:")] == []


def invoices(order: SalesOrder) -> list[Invoice]:
    return list(db.session.scalars(select(Invoice).where(Invoice.order_id == order.id).order_by(Invoice.id)))


@pytest.mark.parametrize("included", [False, True], ids=["net prices", "gross prices"])
@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_deposits_and_the_remainder_add_up_to_the_order_rate_by_rate(
    gateway: ScriptedGateway, seller: User, currency: str, included: bool
) -> None:
    order = paid_in_parts(seller, currency=currency, prices_include_tax=included)
    made, totals = invoices(order), order.totals()
    sums: dict[Decimal, list[int]] = defaultdict(lambda: [0, 0])
    for part in (t for x in made for t in x.tax_by_rate):
        sums[Decimal(part["rate"])][0] += part["base"]
        sums[Decimal(part["rate"])][1] += part["tax"]
        assert part["tax"] >= 0
    assert sums == {t.rate: [t.base.minor, t.tax.minor] for t in totals.by_rate}
    assert (sum(x.net for x in made), sum(x.tax for x in made)) == (totals.net.minor, totals.tax.minor)
    assert [x.kind for x in made] == [InvoiceKind.DEPOSIT, InvoiceKind.DEPOSIT, InvoiceKind.FINAL]
    last = made[-1]
    assert [(x.order_line_id, x.amount) for x in last.lines] == [(x.id, x.amount(currency).minor) for x in order.lines]
    deducted = [(x.number, t["rate"], t["base"], t["tax"]) for x in made[:-1] for t in x.tax_by_rate]
    assert [(x["number"], x["rate"], x["base"], x["tax"]) for x in last.deductions] == deducted
    assert sound()
    assert sum(db.session.scalars(select(Allocation.amount))) == totals.gross.minor


def test_page_and_pdf_show_the_tax_that_the_invoice_holds(
    gateway: ScriptedGateway, seller: User, client: Client
) -> None:
    order = paid_in_parts(seller)
    client.sign_in(seller)
    for invoice in invoices(order):
        page = client.get(f"/invoices/{invoice.number}").text
        with transaction() as session:
            document = papers.invoice(session.get_one(Invoice, invoice.id))
        pdf = text_of(rendered(document))
        shown = [invoice.net, invoice.gross, *(t["tax"] for t in invoice.tax_by_rate if t["tax"])]
        shown += [-x[name] for x in invoice.deductions for name in ("base", "tax") if x[name]]
        for minor in shown:
            assert money(Money(minor, "EUR")) in page
            assert money(Money(minor, "EUR")) in pdf
    first, second, last = invoices(order)
    assert "Deposit invoice" in client.get(f"/invoices/{first.number}").text
    for said in ("Final invoice", first.number, second.number, money(order.totals().gross), *DESCRIPTIONS):
        assert said in page and said in pdf
    assert "Total of the order" in pdf and last.number in pdf
    for deposit in (first, second):
        there = client.get(f"/invoices/{deposit.number}").text
        assert "Deducted by" in there and f'href="/invoices/{last.number}"' in there
    assert "Deducted by" not in page
    trace = client.get(f"/trace/invoices/{last.number}").text
    assert f"Less deposit {first.number}" in trace and f"Less deposit {second.number}" in trace


def test_what_is_left_after_a_deposit_is_billed_on_terms_by_a_final_invoice_and_mailed_as_one(
    gateway: ScriptedGateway, seller: User
) -> None:
    order = booked(seller)
    row = on_terms(order)
    assert row.kind is InvoiceKind.FINAL and row.gross == order.totals().gross.minor - 4_106
    assert [x["number"] for x in row.deductions] == ["INV-00001"]
    invoice_mail.send(row.id, form_key="send", by=ledgers.clerk())
    mail = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "invoice")).one()
    assert mail.subject == f"Final invoice {row.number} for {money(Money(row.gross, 'EUR'))}"
    assert f"lists all of order {order.number} and deducts what the deposit invoices billed" in mail.text
    assert sound()


def test_what_was_credited_of_a_deposit_is_named_and_billed_by_the_final_invoice(
    gateway: ScriptedGateway, seller: User
) -> None:
    order = booked(seller)
    whole, first = order.totals().gross.minor, invoices(order)[0]
    credit(first, 1_000)
    row = on_terms(order)
    assert row.kind is InvoiceKind.FINAL and row.gross == whole - 4_106 + 1_000
    assert [(x["number"], x["credit"]) for x in row.deductions] == [("INV-00001", False), ("CN-00001", True)]
    assert sum(x["base"] + x["tax"] for x in row.deductions) == 3_106
    assert sound()
    with transaction() as session:
        first, second = session.get_one(Invoice, row.id).deductions
        session.get_one(Invoice, row.id).deductions = [first | {"base": first["base"] + 1}, second]
    assert not sound()


def test_a_deposit_that_is_credited_whole_is_not_deducted(gateway: ScriptedGateway, seller: User) -> None:
    order = booked(seller)
    credit(invoices(order)[0], 4_106)
    collect(order, seller, 5_000, "second")
    row = on_terms(order)
    assert row.kind is InvoiceKind.FINAL and [x["number"] for x in row.deductions] == ["INV-00002"]
    again = credit(row, row.gross)
    assert again.tax_by_rate == row.tax_by_rate
    last = on_terms(order)
    assert last.kind is InvoiceKind.FINAL and last.tax_by_rate == row.tax_by_rate
    assert sound()


def test_what_was_credited_of_an_order_s_own_invoice_is_billed_again_without_listing_its_lines_twice(
    gateway: ScriptedGateway, seller: User
) -> None:
    order = booked(seller, deposit="100")
    credit(invoices(order)[0], 1_000)
    again = on_terms(order)
    assert (again.kind, again.gross, again.deductions) == (InvoiceKind.DEPOSIT, 1_000, [])


def test_a_final_invoice_is_credited_up_to_what_it_bills_of_each_rate(gateway: ScriptedGateway, seller: User) -> None:
    order = booked(seller, lines=UNEVEN, deposit="40")
    row, clerk = on_terms(order), ledgers.clerk()
    left = {x.description: x.left.minor for x in credits.lines(row.id)}
    bases = [t["base"] for t in row.tax_by_rate]
    assert list(left.values()) == bases
    facts: dict[str, Any] = {"reason": CreditReason.RETURN, "note": "", "by": clerk}
    with pytest.raises(Refusal, match="more_than_rate"):
        credit_notes.issue(row.id, amounts={row.lines[0].id: bases[0] + 1}, form_key="too-much", **facts)
    credit_notes.issue(row.id, amounts={row.lines[0].id: 500}, form_key="some", **facts)
    credit_notes.issue(
        row.id, amounts={x.line_id: x.left.minor for x in credits.lines(row.id)}, form_key="rest", **facts
    )
    assert ledgers.standing(row) == ("credited", 0)
    assert sound()


def owed(order: SalesOrder, minor: int | None = None, **facts: Any) -> Invoice:
    """The order's whole 369.49 beside its deposit of 41.06, or a part of it."""
    gross = minor or 36_949
    net = round(gross / 1.19)
    rates = [{"rate": "19", "base": net, "tax": gross - net}]
    return factories.invoice(order, net=net, tax=gross - net, gross=gross, tax_by_rate=rates, **facts)


def test_what_is_invoiced_already_is_paid_and_not_invoiced_again(gateway: ScriptedGateway, seller: User) -> None:
    order = booked(seller)
    invoice = owed(order)
    collect(order, seller, 10_000, "on-terms")
    assert len(invoices(order)) == 2
    assert ledgers.standing(invoice) == ("part_paid", 26_949)
    collect(order, seller, 26_949, "the-rest")
    assert ledgers.standing(invoice) == ("paid", 0)


def test_money_for_the_order_pays_the_oldest_debt_and_leaves_what_is_asked_for_itself(
    gateway: ScriptedGateway, seller: User
) -> None:
    order = booked(seller)
    today = clock.today(factories.ZONE)
    later, asked, sooner = (
        owed(order, minor, due_date=today + timedelta(days=days))
        for minor, days in ((16_949, 30), (10_000, 1), (10_000, 10))
    )
    own = request(order, seller, minor=10_000, key="own")
    with transaction() as session:
        session.get_one(PaymentOrder, own.id).invoice_id = asked.id
    collect(order, seller, 15_000, "for-the-order")
    assert [ledgers.standing(x)[1] for x in (asked, sooner, later)] == [10_000, 0, 11_949]
    assert db.session.scalars(select(PaymentOrder).order_by(PaymentOrder.id.desc())).first().invoice_id == sooner.id
