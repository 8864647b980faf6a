"""Deposit invoices: the parts of an order carry its net and tax to the cent, and every paper says the same."""

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
from app.db import db, transaction
from app.formatting import money
from app.models import Allocation, Invoice, PaymentOrder, SalesOrder, User
from app.money import Money
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
    assert len(made) == 3
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
        for minor in shown:
            assert money(Money(minor, "EUR")) in page
            assert money(Money(minor, "EUR")) in pdf


def on_terms(order: SalesOrder, minor: int | None = None, **facts: Any) -> Invoice:
    """The order's whole 369.49 beside its deposit of 41.06, or a part of it."""
    gross = minor or 36_949
    net = round(gross / 1.19)
    rates = [{"rate": "19", "base": net, "tax": gross - net}]
    return factories.invoice(order, net=net, tax=gross - net, gross=gross, tax_by_rate=rates, **facts)


def test_what_is_invoiced_already_is_paid_and_not_invoiced_again(gateway: ScriptedGateway, seller: User) -> None:
    order = booked(seller)
    invoice = on_terms(order)
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
        on_terms(order, minor, due_date=today + timedelta(days=days))
        for minor, days in ((16_949, 30), (10_000, 1), (10_000, 10))
    )
    own = request(order, seller, minor=10_000, key="own")
    with transaction() as session:
        session.get_one(PaymentOrder, own.id).invoice_id = asked.id
    collect(order, seller, 15_000, "for-the-order")
    assert [ledgers.standing(x)[1] for x in (asked, sooner, later)] == [10_000, 0, 11_949]
    assert db.session.scalars(select(PaymentOrder).order_by(PaymentOrder.id.desc())).first().invoice_id == sooner.id
