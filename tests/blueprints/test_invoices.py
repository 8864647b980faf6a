"""Invoices as staff see them: list, page, and whose they are."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from app import clock, settings
from app.access import Role
from app.commands.payments import collection
from app.commands.payments.charges import Instrument
from app.commands.post import papers
from app.commands.receivables import invoices
from app.db import db, transaction
from app.gateways import registry
from app.models import Account, Actor, Company, Document, Invoice, OrderEmail, SalesOrder, User
from tests import factories
from tests.commands.collecting import switch
from tests.conftest import Client
from tests.gateways.scripted import ScriptedGateway
from tests.statements import counted

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def _gateway(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = ScriptedGateway()
    monkeypatch.setattr(registry, "for_account", lambda account: scripted)
    monkeypatch.setattr(registry, "get", lambda row: scripted)


@pytest.fixture
def dana(app: Flask) -> User:
    return factories.user(Role.SALESPERSON)


def paid(order: SalesOrder, by: User) -> Invoice:
    first = collection.prepare_first(order.id, by=by)
    card = Instrument(alias="card-ok", label="Visa ending 4242")
    collection.collect(first.id, pay_with=card, form_key=f"key-{order.id}", by=by)
    return db.session.query(Invoice).filter_by(order_id=order.id).one()


def unpaid() -> Invoice:
    return factories.invoice(factories.order())


@pytest.mark.usefixtures("_gateway")
def test_a_paid_invoice_says_what_it_bills_and_what_paid_it(client: Client, dana: User) -> None:
    order = factories.order(owner=dana)
    invoice = paid(order, dana)
    page = client.sign_in(dana).get(f"/invoices/{invoice.number}").text
    receipt = db.session.execute(db.text("SELECT number, amount FROM receipt")).one()
    for words in (
        invoice.number,
        order.number,
        "Paid",
        "nothing open",
        receipt.number,
        "Visa ending 4242",
        "Care desk",
    ):
        assert words in page
    assert "€410.55" in page  # 100.00 + 10 × 24.50, and 19 % of it
    listed = client.get("/invoices/").text
    assert invoice.number in listed and "€410.55" in listed


@pytest.mark.usefixtures("_gateway")
def test_salespeople_see_the_invoices_of_their_own_orders(app: Flask, dana: User) -> None:
    hers, others = paid(factories.order(owner=dana), dana), unpaid()
    client = app.test_client().sign_in(dana)
    assert hers.number in client.get("/invoices/").text and others.number not in client.get("/invoices/").text
    assert client.get(f"/invoices/{others.number}").status_code == 404
    assert client.get(f"/invoices/{others.number}/paper", headers=FRAGMENT).status_code == 404
    clerk = app.test_client().sign_in(factories.user(Role.AR))
    assert clerk.get(f"/invoices/{others.number}").status_code == 200
    packer = app.test_client().sign_in(factories.user(Role.FULFILLMENT_OPERATIONS))
    assert packer.get("/invoices/").status_code == 403


def test_the_list_is_filtered_by_its_address(client: Client) -> None:
    early = unpaid()
    with time_machine.travel(clock.now() + timedelta(days=20), tick=False):
        client.sign_in(factories.user(Role.AR))
        late = unpaid()
        overdue = client.get("/invoices/?status=overdue").text
        assert early.number in overdue and late.number not in overdue and "Overdue" in overdue
        assert late.number in client.get(f"/invoices/?q={late.number.lower()}").text
        assert "No invoice matches" in client.get("/invoices/?q=nobody").text
        assert "No invoice matches" in client.get("/invoices/?status=paid").text
        assert "Overdue" in client.get(f"/invoices/{early.number}").text


def test_the_list_turns_its_pages_by_key(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.queries.invoices.listing.PAGE", 2)
    numbers = [unpaid().number for _ in range(5)]
    client.sign_in(factories.user(Role.AR))

    def shown(address: str) -> list[str]:
        page = client.get(address).text
        return [n for n in reversed(numbers) if n and f">{n}<" in page]

    ids = [i.id for i in db.session.query(Invoice).order_by(Invoice.id)]
    assert shown("/invoices/") == numbers[:2:-1]
    assert shown(f"/invoices/?before={ids[3]}") == [numbers[2], numbers[1]]
    assert shown(f"/invoices/?after={ids[2]}") == numbers[:2:-1]
    assert f"after={ids[2]}" in client.get(f"/invoices/?before={ids[3]}").text


def test_the_pages_cost_few_statements_however_long_the_invoice(client: Client) -> None:
    number = unpaid().number
    client.sign_in(factories.user(Role.AR))
    with counted() as seen:
        client.get("/invoices/")
    assert len(seen) <= 4
    with counted() as seen:
        client.get(f"/invoices/{number}")
    assert len(seen) <= 13


def test_the_paper_answers_as_page_and_as_panel(client: Client) -> None:
    invoice = unpaid()
    client.sign_in(factories.user(Role.AR))
    part = client.get(f"/invoices/{invoice.number}/paper", headers=FRAGMENT).text
    assert part.lstrip().startswith('<section id="panel-paper"') and "No document yet" in part
    assert "<html" in client.get(f"/invoices/{invoice.number}/paper").text


@pytest.mark.usefixtures("_gateway")
def test_an_invoice_is_mailed_with_its_paper_and_only_once_a_form(client: Client, dana: User) -> None:
    invoice = paid(factories.order(owner=dana), dana)
    client.sign_in(dana)
    asking = client.get(f"/invoices/{invoice.number}/send").get_data(as_text=True)
    assert "billing contact of the account" in asking
    for _ in range(2):
        answer = client.post(f"/invoices/{invoice.number}/send", data={"form_key": "k-send"})
        assert answer.status_code == 303
    mail = db.session.query(OrderEmail).filter_by(kind="invoice").one()
    assert [r["role"] for r in mail.recipients] == ["to"]
    kinds = db.session.query(Document.kind).filter(Document.id.in_(mail.attachments)).all()
    assert [k for (k,) in kinds] == ["invoice"]
    assert "It is paid; there is nothing more to do." in mail.text
    assert mail.recipients[0]["address"] in client.get(f"/invoices/{invoice.number}").get_data(as_text=True)


def test_an_invoice_without_anybody_to_write_to_says_so(client: Client) -> None:
    admin = factories.user(Role.ADMIN)
    order = factories.order(owner=admin)
    invoice = factories.invoice(order)
    with transaction() as session:
        session.get_one(Account, order.account_id).billing_contact_id = None
        session.get_one(SalesOrder, order.id).contact_id = None
    client.sign_in(admin)
    assert "nobody to write to" in client.get(f"/invoices/{invoice.number}/send").get_data(as_text=True)
    refused = client.post(f"/invoices/{invoice.number}/send", data={"form_key": "k"})
    assert refused.status_code == 422
    assert db.session.query(OrderEmail).filter_by(kind="invoice").count() == 0


def test_who_may_only_look_cannot_send(client: Client) -> None:
    invoice = unpaid()
    client.sign_in(factories.user(Role.READ_ONLY))
    assert client.get(f"/invoices/{invoice.number}/send").status_code == 403
    assert "Send invoice" not in client.get(f"/invoices/{invoice.number}").get_data(as_text=True)


def test_what_an_electronic_invoice_lacks_is_said_beside_it_while_they_are_on(client: Client, dana: User) -> None:
    plain = unpaid()
    client.sign_in(factories.user(Role.AR))
    assert "electronic invoice" not in client.get(f"/invoices/{plain.number}").text
    switch(settings.FACTUR_X, True)
    page = client.get(f"/invoices/{plain.number}").text
    for words in ("This is no electronic invoice", "The company&#39;s tax id is missing", "no billing address"):
        assert words in page
    with transaction() as session:
        session.get_one(Company, 1).tax_id = "DE811234567"
    order = factories.order()
    with transaction() as session:
        row = invoices.on_terms(session.get_one(SalesOrder, order.id), by=Actor.of(dana))
        assert row is not None
        paper = papers.invoice(row)
        paper.body, paper.rendered_at = b"%PDF-1.7", clock.now()
    page = client.get(f"/invoices/{row.number}").text
    assert "The PDF carries the invoice as data, too" in page and "This is no electronic invoice" not in page


def test_reminders_are_seen_stopped_and_sent_by_hand(client: Client) -> None:
    with time_machine.travel("2027-03-01 12:00:00+00:00", tick=False):
        invoice = unpaid()
        client.sign_in(factories.user(Role.AR))
        home = f"/invoices/{invoice.number}"
        page = client.get(home).text
        assert "3 days before it is due" in page and "14 days overdue" in page and "Send one now" in page
        asking = client.get(f"{home}/reminder", headers=FRAGMENT).text
        assert "billing contact of the account" in asking and "how to pay by bank transfer" in asking
        for _ in range(2):
            assert client.post(f"{home}/reminder", data={"form_key": "remind-once"}).status_code == 303
        assert db.session.query(OrderEmail).filter_by(kind="invoice_reminder").count() == 1
        silent = client.post(f"{home}/reminders/stop", data={"reason": ""})
        assert silent.status_code == 422 and "Say why." in silent.text
        assert client.post(f"{home}/reminders/stop", data={"reason": "They pay on Friday"}).status_code == 303
        page = client.get(home).text
        assert "They pay on Friday" in page and "By hand" in page and "14 days overdue" not in page
        assert client.post(f"{home}/reminders").status_code == 303
        assert "14 days overdue" in client.get(home).text
        reader = client.sign_in(factories.user(Role.READ_ONLY))
        assert "Send one now" not in reader.get(home).text and reader.post(f"{home}/reminder").status_code == 403
