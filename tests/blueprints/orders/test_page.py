"""The order page: what each state shows, who sees it, and what it costs."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from app import clock
from app.access import Role
from app.commands.orders import approvals, order_papers, signing
from app.commands.receivables import invoices
from app.db import db, lock, transaction
from app.formatting import day
from app.models import SYSTEM, SalesOrder, User
from tests import factories
from tests.blueprints.orders.conftest import FRAGMENT, pay
from tests.commands.collecting import request
from tests.conftest import Client
from tests.statements import counted

PANELS = ("summary", "lines", "payment", "shipping", "pdf", "fulfillment", "timeline")


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_is_a_page_and_a_fragment(browser_of_dana: Client, order: SalesOrder, panel: str) -> None:
    page = browser_of_dana.get(f"/orders/{order.number}/{panel}")
    part = browser_of_dana.get(f"/orders/{order.number}/{panel}", headers=FRAGMENT)
    whole = browser_of_dana.get(f"/orders/{order.number}")
    assert page.status_code == part.status_code == 200
    assert "<html" in page.text and "<html" not in part.text
    root = f'<section id="panel-{panel}"'
    assert part.text.count("<section id=") == 1 and part.text.lstrip().startswith(root)
    assert root in page.text and root in whole.text


@pytest.mark.parametrize("path", ["", *(f"/{p}" for p in PANELS), "/lines/edit", "/notes/new", "/approval/new"])
def test_a_foreign_order_is_not_there(client: Client, order: SalesOrder, path: str) -> None:
    client.sign_in(factories.user(Role.SALESPERSON))
    assert client.get(f"/orders/{order.number}{path}").status_code == 404
    assert client.get(f"/orders/SO-9999{path}").status_code == 404


def test_without_the_permission_the_payment_panel_is_left_out(client: Client, order: SalesOrder) -> None:
    client.sign_in(factories.user(Role.FULFILLMENT_OPERATIONS))
    page = client.get(f"/orders/{order.number}").text
    assert "panel-payment" not in page and "rail-methods" not in page
    assert client.get(f"/orders/{order.number}/payment").status_code == 403


def test_a_draft_is_ready_to_send(browser_of_dana: Client, order: SalesOrder) -> None:
    page = browser_of_dana.get(f"/orders/{order.number}").text
    assert "Ready to send to Maria Keller." in page and "€41.06 will be due at signature." in page
    assert "Send for approval" in page and "Edit lines" in page
    assert "€410.55" in page


def test_what_is_not_allowed_stays_visible_with_the_reason(client: Client, order: SalesOrder) -> None:
    client.sign_in(factories.user(Role.ORDER_MANAGEMENT))
    page = client.get(f"/orders/{order.number}").text
    assert "Your role does not let you send an order to the customer for approval." in page
    assert "Ask someone with the role salesperson, sales manager or admin." in page


def test_a_missing_opportunity_stands_on_top_and_holds_sending_back(client: Client, dana: User) -> None:
    client.sign_in(dana)
    order = factories.order(owner=dana, opportunity_id=None)
    page = client.get(f"/orders/{order.number}").text
    assert "No opportunity is linked to this order." in page
    assert "The order has no opportunity, so nothing is sent." in page


def test_with_the_customer_the_page_says_what_they_have_seen(
    browser_of_dana: Client, order: SalesOrder, dana: User
) -> None:
    approval = approvals.submit(order.id, by=dana)
    assert "The approval mail is being prepared." in browser_of_dana.get(f"/orders/{order.number}").text
    with transaction():
        approval = db.session.get_one(type(approval), approval.id)
        approval.sent_at = approval.created_at
    assert "has not opened the approval page yet." in browser_of_dana.get(f"/orders/{order.number}").text
    signing.mark_viewed(approval.id)
    page = browser_of_dana.get(f"/orders/{order.number}").text
    assert "and has not signed." in page and "Send reminder" in page and "Convert to draft" in page
    assert "Edit lines" not in page


def test_a_decline_is_explained(browser_of_dana: Client, order: SalesOrder, dana: User) -> None:
    pay(order, dana, "insufficient-funds", "9995")
    page = browser_of_dana.get(f"/orders/{order.number}").text
    assert "Visa ending 9995 was declined: not enough funds." in page
    assert "The same card may work in a few days." in page
    assert "Payment declined" in page


def test_a_paid_order_proves_it(browser_of_dana: Client, order: SalesOrder, dana: User) -> None:
    pay(order, dana)
    page = browser_of_dana.get(f"/orders/{order.number}").text
    for words in ("Activated", "Receipt", "INV-00001", "R-00001", "sbx_ch_", "Subscriptions", "Ready on Cards."):
        assert words in page
    assert "The order is active and nothing is open." in page and "€369.49 follows on delivery." in page


def test_what_is_invoiced_and_not_paid_is_said_to_be_open(
    browser_of_dana: Client, order: SalesOrder, dana: User
) -> None:
    pay(order, dana)
    with transaction():
        invoice = invoices.on_terms(lock(SalesOrder, order.id), by=SYSTEM)
        assert invoice is not None and invoice.due_date is not None
    due, address = invoice.due_date, f"/orders/{order.number}"
    words = browser_of_dana.get(address).text
    assert f"€369.49 of INV-00002 is due on {day(due)}." in words and "nothing is open" not in words
    with time_machine.travel(clock.now() + timedelta(days=(due - clock.now().date()).days + 2), tick=False):
        browser_of_dana.sign_in(dana)
        late = f"€369.49 of INV-00002 is overdue since {day(due)}."
        assert late in browser_of_dana.get(address).text
        request(order, dana, minor=36_949)
        assert f"No link has been sent for it. {late}" in browser_of_dana.get(address).text


def test_only_an_open_outcome_makes_the_page_ask_again(browser_of_dana: Client, order: SalesOrder, dana: User) -> None:
    assert "hx-trigger" not in browser_of_dana.get(f"/orders/{order.number}").text
    pay(order, dana, "confirm", "3184")
    page = browser_of_dana.get(f"/orders/{order.number}").text
    assert page.count('hx-trigger="every') == 2
    assert "The customer is confirming €41.06 with their bank." in page
    assert "Nothing can be changed until" in page


@pytest.fixture
def costly(app: Flask, dana: User) -> tuple[str, str]:
    """An order of four lines without a past, and one of forty with notes, attempts and payments."""
    few = factories.order(owner=dana, lines=[factories.line(n) for n in range(1, 5)])
    many = factories.order(owner=dana, lines=[factories.line(n) for n in range(1, 41)], deposit_percent="10")
    for n in range(30):
        order_papers.add_note(many.id, f"Note {n}", visible=False, by=dana)
    pay(many, dana, "insufficient-funds", "9995", key="first")
    pay(many, dana, key="second")
    return few.number, many.number


def test_the_page_costs_nine_statements_whatever_is_on_it(browser_of_dana: Client, costly: tuple[str, str]) -> None:
    counts = []
    for number in costly:
        with counted() as seen:
            assert browser_of_dana.get(f"/orders/{number}").status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 9, counts


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_costs_a_few_statements(browser_of_dana: Client, costly: tuple[str, str], panel: str) -> None:
    for number in costly:
        with counted() as seen:
            browser_of_dana.get(f"/orders/{number}/{panel}", headers=FRAGMENT)
        assert len(seen) <= 7, seen


def test_a_salesperson_pays_one_statement_for_their_switches(client: Client, app: Flask) -> None:
    ann = factories.user(Role.SALESPERSON)
    order = factories.order(owner=ann)
    client.sign_in(ann)
    with counted() as seen:
        assert client.get(f"/orders/{order.number}").status_code == 200
    assert len(seen) <= 10
