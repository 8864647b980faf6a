"""The cash trace: the whole way from each kind of record, what is missing in words, and whose it is."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, text

from app import clock
from app.access import Role
from app.commands.payments import collection
from app.commands.receivables import invoices, receipts, write_offs
from app.commands.settlement import settlement
from app.db import db, end_read, lock, transaction
from app.models import SYSTEM, Invoice, PaymentOrder, Receipt, SalesOrder, SettlementLine, Transaction, User
from tests import factories, paid_out
from tests.commands.collecting import CARD, request
from tests.commands.conftest import gateway  # noqa: F401  (fixture)
from tests.commands.receivables.test_doctor import break_step, pay
from tests.conftest import Client
from tests.statements import counted


@pytest.fixture
def clerk(app: Flask) -> User:
    return factories.user(Role.AR)


def hops(page: str) -> str:
    """What the page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.split("<main")[1]))


def addresses() -> dict[str, str]:
    db.session.rollback()
    order = db.session.scalars(select(SalesOrder).order_by(SalesOrder.id)).first()
    assert order is not None
    found = {
        "quote": f"/trace/quotes/{order.quote_number}",
        "order": f"/trace/orders/{order.number}",
        "payment order": f"/trace/payments/{db.session.scalars(select(PaymentOrder.number)).first()}",
        "transaction": f"/trace/transactions/{db.session.scalars(select(Transaction.id)).first()}",
    }
    for word, room, column in (("invoice", "invoices", Invoice.number), ("receipt", "receipts", Receipt.number)):
        if number := db.session.scalars(select(column)).first():
            found[word] = f"/trace/{room}/{number}"
    if line := db.session.scalars(select(SettlementLine.id).order_by(SettlementLine.id)).first():
        found["settlement line"] = f"/trace/settlement-lines/{line}"
    return found


def test_the_whole_way_is_told_from_every_record_on_it(client: Client, clerk: User) -> None:
    charge = paid_out.paid()[0]
    paid_out.pay_out()
    paid_out.sync()
    order, invoice = db.session.scalars(select(SalesOrder)).one(), db.session.scalars(select(Invoice)).one()
    receipt, owner = db.session.scalars(select(Receipt)).one(), db.session.scalars(select(PaymentOrder)).one()
    batch = db.session.scalars(select(SettlementLine)).one().batch
    way = [f"{order.quote_number}", order.number, invoice.number, owner.number, "Checkout", "Attempt"]
    way += [charge.provider_id, receipt.number, "Allocation", batch.provider_id]
    client.sign_in(clerk)
    assert len(addresses()) == 7
    for kind, address in addresses().items():
        page = client.get(address).text
        said, at = hops(page), 0
        for stop in way:
            at = said.find(stop, at)
            assert at >= 0, f"{kind}: {stop}"
        assert "No hop is missing." in said and "Missing" not in said, kind
        assert ("You are here" in said) == (kind not in ("quote", "order", "invoice")), kind
        for link in re.findall(r'<a(?: class="mono[^"]*")? href="(/[^"]+)"', page):
            assert client.get(link).status_code == 200, link


@pytest.mark.usefixtures("gateway")
def test_what_is_missing_is_said_where_it_should_be(
    client: Client, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_step(monkeypatch, clerk, receipts, "for_transaction")
    client.sign_in(clerk)
    page = client.get(addresses()["transaction"]).text
    assert "1 hop is missing." in page and '<li class="missing">' in page
    assert "Missing The money moved, and no receipt says so." in hops(page)
    with transaction() as session:
        session.execute(text("DROP TRIGGER append_only_transaction_delete"))
        session.execute(text("DELETE FROM post_processing"))
        session.execute(text('DELETE FROM "transaction"'))
    page = client.get(addresses()["order"]).text
    assert "It succeeded, and no transaction proves it." in page


@pytest.mark.usefixtures("gateway")
def test_cash_that_pays_nothing_is_missing_its_allocation(
    client: Client, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(invoices, "for_payment", lambda *args, **facts: None)
        pay(clerk)
    client.sign_in(clerk)
    said = hops(client.get(addresses()["receipt"]).text)
    assert "Missing It pays no invoice: unapplied cash. €410.55" in said


def test_money_in_no_payout_is_missing_once_it_is_due(client: Client, clerk: User) -> None:
    """Not before its time, and only where its gateway has paid out something since."""
    paid_out.paid()
    client.sign_in(clerk)
    address = addresses()["transaction"]
    assert "Not paid out yet." in client.get(address).text
    with time_machine.travel(clock.now() + timedelta(days=12), tick=False):
        client.sign_in(clerk)
        assert "Not paid out yet." in client.get(address).text
        end_read()
        settlement.write(paid_out.gateway_id(), paid_out.payout(paid_out.line()))
        assert "stands in no payout" in client.get(address).text


def test_a_line_about_nothing_of_ours_is_missing_its_transaction(client: Client, clerk: User) -> None:
    factories.company()
    settlement.write(paid_out.gateway_id(), paid_out.payout(paid_out.line(source="ch-nobody")))
    line = db.session.scalars(select(SettlementLine)).one()
    client.sign_in(clerk)
    said = hops(client.get(f"/trace/settlement-lines/{line.id}").text)
    assert "Missing It is about no transaction of ours." in said


def test_a_write_off_and_its_taking_back_are_hops_of_their_own(client: Client, clerk: User) -> None:
    order = factories.order(owner=clerk)
    with transaction():
        bill = invoices.on_terms(lock(SalesOrder, order.id), by=SYSTEM)
    assert bill is not None
    first = write_offs.write_off(bill.id, because="Insolvent", form_key="w", by=clerk)
    end_read()
    client.sign_in(clerk)
    page = f"/trace/invoices/{bill.number}"
    assert "Write-off" in hops(client.get(page).text) and "Taken back" not in hops(client.get(page).text)
    write_offs.take_back(first.id, because="They pay after all", form_key="t", by=clerk)
    for address in (page, f"/trace/orders/{order.number}"):
        said = hops(client.get(address).text)
        way = ("Write-off", "Insolvent", "€410.55", "Taken back", "They pay after all", "-€410.55")
        assert [said.find(stop) for stop in way] == sorted(said.find(stop) for stop in way), said
        assert "No hop is missing." in said


@pytest.mark.usefixtures("gateway")
def test_a_trace_is_for_whom_its_record_is(app: Flask, clerk: User) -> None:
    dana = factories.user(Role.SALESPERSON)
    pay(dana)
    found = addresses()
    hers, stranger = app.test_client().sign_in(dana), app.test_client().sign_in(factories.user(Role.SALESPERSON))
    for kind, address in found.items():
        assert hers.get(address).status_code == 200, kind
        assert stranger.get(address).status_code == 404, kind
    assert hers.get("/trace/settlement-lines/1").status_code == 403
    packer = app.test_client().sign_in(factories.user(Role.FULFILLMENT_OPERATIONS))
    page = packer.get(found["order"]).text
    assert "What was sold and billed" in page and "How it was paid" not in page
    assert packer.get(found["receipt"]).status_code == 403


@pytest.mark.usefixtures("gateway")
def test_a_trace_costs_the_same_however_long_the_way(client: Client, clerk: User) -> None:
    order = factories.order(owner=clerk, deposit_percent="10")
    collection.collect_first(order.id, pay_with=CARD, form_key="first", by=clerk)
    client.sign_in(clerk)

    def cost() -> dict[str, int]:
        seen_by = {}
        for kind, address in addresses().items():
            with counted() as seen:
                assert client.get(address).status_code == 200
            seen_by[kind] = len(seen)
        return seen_by

    before = cost()
    for n in range(4):
        row = request(order, clerk, minor=1_000 + n)
        collection.collect(row.id, pay_with=CARD, form_key=f"more-{n}", by=clerk)
    assert cost() == before
    assert max(before.values()) <= 16


def test_a_quote_without_an_order_is_traced_as_far_as_it_goes(client: Client) -> None:
    boss = factories.user(Role.ADMIN)
    quote = factories.approved_quote(owner=boss)
    client.sign_in(boss)
    said = hops(client.get(f"/trace/quotes/{quote.number}").text)
    assert "Nothing was asked for yet" in said and f"{quote.number} v1" in said


@pytest.mark.usefixtures("gateway")
def test_amounts_lead_to_their_trace(client: Client, clerk: User) -> None:
    pay(clerk)
    found = addresses()
    client.sign_in(clerk)
    order, quote = found["order"].split("/")[-1], found["quote"].split("/")[-1]
    page = client.get(f"/orders/{order}").text
    assert all(found[kind] in page for kind in ("order", "payment order", "transaction", "receipt", "invoice"))
    assert found["quote"] in client.get(f"/quotes/{quote}").text
    invoice = client.get(f"/invoices/{found['invoice'].split('/')[-1]}").text
    assert found["invoice"] in invoice and found["receipt"] in invoice
