"""The AR doctor as staff see it, from an invoice, an order and a payment order."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.access import Role
from app.commands.payments import collection
from app.commands.post import papers
from app.commands.receivables import invoices, offline, receipts
from app.db import db, transaction
from app.models import Invoice, PaymentOrder, SalesOrder, User
from tests import factories, ledgers
from tests.commands.collecting import CARD, request
from tests.commands.conftest import gateway  # noqa: F401  (fixture)
from tests.commands.receivables.test_doctor import break_step, pay, proof
from tests.conftest import Client
from tests.statements import counted


@pytest.fixture
def clerk(app: Flask) -> User:
    return factories.user(Role.AR)


def numbers() -> dict[str, str]:
    db.session.rollback()
    return {
        "orders": db.session.scalars(select(SalesOrder.number)).first() or "",
        "payments": db.session.scalars(select(PaymentOrder.number)).first() or "",
        "invoices": db.session.scalars(select(Invoice.number)).first() or "",
    }


def press(client: Client, page: str, word: str) -> str:
    """The button of this name, and the page that it leads back to."""
    found = re.search(rf'<form method="post" action="([^"]+)">(?:(?!</form>).)*{word}</button>', page, re.S)
    assert found is not None, f"no button {word}"
    answer = client.post(found[1].replace("&amp;", "&"), follow_redirects=True)
    assert answer.status_code == 200
    return str(answer.text)


@pytest.mark.usefixtures("gateway")
def test_what_broke_is_named_and_its_buttons_repair_it_in_turn(
    client: Client, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_step(monkeypatch, clerk, receipts, "for_transaction")
    client.sign_in(clerk)
    page = client.get(f"/orders/{numbers()['orders']}/doctor").text
    assert "Broken at step 2: Does its receipt exist?" in page
    page = press(client, page, "Create the missing receipt")
    assert "Broken at step 3" in page and "Created the missing receipt</strong>" in page
    page = press(client, page, "Allocate it")
    assert "Broken at step 5" in page
    page = press(client, page, "Run the steps again")
    assert "Nothing is broken." in page and "All that was paid reached the receivables." in page
    for kind, number in numbers().items():
        page = client.get(f"/{kind}/{number}/doctor").text
        assert "Nothing is broken." in page, kind
        assert "€410.55" in page and "nothing open" in page, kind
    assert "<del>€0.00</del>" in page and "<ins>€410.55</ins>" in page


@pytest.mark.usefixtures("gateway")
def test_an_invoice_is_recomputed_by_its_button(client: Client, clerk: User) -> None:
    pay(clerk)
    with transaction() as session:
        session.execute(text("UPDATE invoice SET status = 'part_paid'"))
    client.sign_in(clerk)
    page = client.get(f"/invoices/{numbers()['invoices']}/doctor").text
    assert "Broken at step 4" in page and "Disagrees" in page
    assert "Nothing is broken." in press(client, page, "Recompute the invoice")
    again = client.post(f"/invoices/{numbers()['invoices']}/recomputation", follow_redirects=True).text
    assert "It agreed already." in again


def test_what_follows_offline_money_has_its_button(
    client: Client, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = ledgers.invoice()
    with monkeypatch.context() as broken:
        broken.setattr(papers, "invoice", None)
        offline.for_invoice(bill.id, ledgers.came(), form_key="wire", by=clerk)
    client.sign_in(clerk)
    page = client.get(f"/invoices/{bill.number}/doctor").text
    assert "Broken at step 3" in page and "what follows it was not done" in page
    page = press(client, page, "Run the steps again")
    assert "Nothing is broken." in page and "Ran the steps again" in page
    assert client.sign_in(factories.user(Role.BILLING)).post("/receivables/receipts/R-00001/retry").status_code in (
        403,
        404,
    )


def test_an_invoice_that_nobody_paid_is_looked_at_as_well(client: Client, clerk: User) -> None:
    invoice = factories.invoice(factories.order(), status="paid")
    client.sign_in(clerk)
    page = client.get(f"/invoices/{invoice.number}/doctor").text
    assert f"{invoice.number} disagrees with its allocations." in page
    assert "Nothing was asked for yet" in press(client, page, "Recompute the invoice")


@pytest.mark.usefixtures("gateway")
def test_who_may_look_sees_who_can_repair(app: Flask, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    dana = factories.user(Role.SALESPERSON)
    row = break_step(monkeypatch, dana, invoices, "for_payment")
    found = numbers()
    hers = client.sign_in(dana)
    page = hers.get(f"/orders/{found['orders']}/doctor").text
    assert "Broken at step 3" in page and "AR / finance" in page
    post = f"/payments/{found['payments']}/transactions/{row.id}/allocation"
    assert hers.post(post).status_code == 403
    stranger = app.test_client().sign_in(factories.user(Role.SALESPERSON))
    for address in (f"/orders/{found['orders']}", f"/payments/{found['payments']}", "/invoices/INV-404"):
        assert stranger.get(f"{address}/doctor").status_code == 404
    operator = app.test_client().sign_in(factories.user(Role.PAYMENT_OPERATIONS))
    assert operator.post(f"/payments/{found['payments']}/transactions/{row.id + 9}/allocation").status_code == 404
    assert operator.post(post).status_code == 303


@pytest.mark.usefixtures("gateway")
def test_the_page_costs_the_same_however_much_was_paid(client: Client, clerk: User) -> None:
    order = factories.order(owner=clerk, deposit_percent="10")
    collection.collect_first(order.id, pay_with=CARD, form_key="first", by=clerk)
    db.session.rollback()
    client.sign_in(clerk)

    def cost(address: str) -> int:
        with counted() as seen:
            assert client.get(address).status_code == 200
        return len(seen)

    pages = [f"/{kind}/{number}/doctor" for kind, number in numbers().items()]
    before = [cost(page) for page in pages]
    for n in range(4):
        row = request(order, clerk, minor=1_000 + n)
        if n < 3:
            collection.collect(row.id, pay_with=CARD, form_key=f"more-{n}", by=clerk)
    assert max(cost(page) for page in pages) <= max(before) + 1 <= 13  # once more for lines that are not invoiced yet


def test_the_buttons_of_a_page_have_a_way_back_to_it(client: Client, clerk: User, gateway: Any) -> None:  # noqa: F811
    gateway.answers = ["ok but lost", "ok"]
    pay(clerk)
    client.sign_in(clerk)
    page = client.get(f"/orders/{numbers()['orders']}/doctor").text
    assert "Broken at step 1" in page
    assert "Nothing is broken." in press(client, page, "Ask the gateway")
    assert proof().amount == 41_055


def test_an_order_that_was_billed_and_paid_without_a_gateway_is_looked_at_whole(client: Client, clerk: User) -> None:
    bill = ledgers.invoice()
    order = db.session.scalars(select(SalesOrder.number).where(SalesOrder.id == bill.order_id)).one()
    wire = offline.for_invoice(bill.id, ledgers.came(), form_key="wire", by=clerk)
    page = client.sign_in(clerk).get(f"/orders/{order}/doctor").text
    assert bill.number and bill.number in page and wire.number in page
    assert "Nothing was asked for yet" not in page
