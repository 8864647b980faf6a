"""Offline money on the order's payment panel: recorded from there, seen there, for no more statements."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.access import Role
from app.commands.receivables import allocations, offline
from app.db import end_read, get
from app.models import CollectionMethod, PaymentOrder, Receipt, SalesOrder, User
from app.money import Money
from tests import factories, ledgers
from tests.blueprints.orders.conftest import FRAGMENT
from tests.commands.collecting import request
from tests.conftest import Client
from tests.statements import counted


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


@pytest.fixture
def asked(boss: User) -> PaymentOrder:
    """100.00 to come by wire."""
    return request(factories.order(owner=boss, deposit_percent="10"), boss, collection=CollectionMethod.OFFLINE)


def panel(client: Client, row: PaymentOrder) -> str:
    assert row.order is not None
    return client.get(f"/orders/{row.order.number}/payment", headers=FRAGMENT).text


def record(row: PaymentOrder, by: User, minor: int) -> Receipt:
    end_read()
    return offline.for_payment_order(row.id, ledgers.came(minor), form_key=ledgers.key(), by=by)


def test_it_is_recorded_from_the_panel_by_who_may(client: Client, asked: PaymentOrder, boss: User) -> None:
    form = f"/payment-orders/{asked.number}/receipts/new"
    client.sign_in(boss)
    assert form in panel(client, asked) and "Record payment" in panel(client, asked)
    record(asked, boss, 10_000)
    assert form not in panel(client, asked)


def test_who_may_not_is_not_offered_it(client: Client, asked: PaymentOrder, app: Flask) -> None:
    client.sign_in(factories.user(Role.SALES_MANAGER))
    assert "Record payment" not in panel(client, asked)


def test_receipts_and_what_was_taken_back_are_listed_for_no_more_statements(
    client: Client, asked: PaymentOrder, boss: User
) -> None:
    client.sign_in(boss)
    with counted() as before:
        panel(client, asked)
    part = record(asked, boss, 4_000)
    other = record(asked, boss, 1_500)
    offline.reverse(other.id, because="Bounced", on=other.received_on, form_key="k", by=boss)
    end_read()
    with counted() as after:
        told = panel(client, asked)
    assert len(after) <= len(before) + 1, "what follows may only be the invoice's own"
    assert f"/receipts/{part.number}" in told and "€40.00" in told
    assert "Taken back" in told and "-€15.00" in told.replace("\u2212", "-")


def test_what_was_recorded_on_an_invoice_or_applied_to_it_is_listed_too(client: Client, boss: User, app: Flask) -> None:
    invoice = ledgers.invoice()
    order = get(SalesOrder, invoice.order_id)
    client.sign_in(boss)
    with counted() as before:
        client.get(f"/orders/{order.number}")
    wire = offline.for_invoice(invoice.id, ledgers.came(4_000), form_key=ledgers.key(), by=boss)
    late = offline.for_invoice(invoice.id, ledgers.came(1_500), form_key=ledgers.key(), by=boss)
    money = ledgers.on_account(invoice.account_id, boss, 9_000)
    for minor in (600, 100):
        allocations.apply(money.id, invoice.id, amount=Money(minor, "EUR"), form_key=ledgers.key(), by=boss)
    offline.reverse(late.id, because="Bounced", on=late.received_on, form_key="k", by=boss)
    end_read()
    with counted() as after:
        page = client.get(f"/orders/{order.number}").text
    assert len(after) == len(before)
    told = page.replace("\u2212", "-")
    assert f"/receipts/{wire.number}" in told and f"/receipts/{money.number}" in told
    assert "€40.00" in told and "€7.00" in told and "Taken back" in told and "-€15.00" in told
    assert f"{wire.paid_with}, {invoice.number}" in told
    assert re.search(r"Paid on invoices</dt><dd[^>]*>€47.00<", told)
