"""Receivables in a browser: at every size, in both themes; a cheque recorded and applied without leaving the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from app.access import Role
from app.db import end_read
from tests import factories, ledgers
from tests.browser.looking import walk
from tests.browser.test_look import sign_in
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser


@pytest.fixture
def books(app: Flask) -> dict[str, object]:
    """Invoices of every age, money that pays a part of one, and a credit note."""
    customer = factories.account(name="Northfield Clinics")
    for days in (5, -10, -45, -75, -120):
        ledgers.invoice(customer, days=days)
    found = ledgers.samples(factories.user(Role.ADMIN))
    end_read()
    return found


@pytest.fixture
def page(
    browser: Browser,
    app: Flask,
    books: dict[str, object],
    live_server: str,  # noqa: F811
) -> Iterator[Page]:
    app.config["WTF_CSRF_ENABLED"] = True
    with browser.new_context(base_url=live_server, bypass_csp=True) as context:
        sign_in(context, app, live_server, Role.ADMIN)
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page


def test_every_room_is_sound_and_money_is_recorded_and_applied(page: Page, books: dict[str, object]) -> None:
    account, invoice, receipt = (books[f"receivables.{name}"] for name in ("account", "invoice", "receipt"))
    rooms = (
        "",
        "invoices",
        "unapplied",
        "receipts",
        "credit-notes",
        f"receipts/{receipt}",
        f"accounts/{account}",
        f"invoices/{invoice}/credit",
        f"credit-notes/{books['receivables.credit_note']}",
    )
    walk(page, [f"/receivables/{room}" for room in rooms] + [f"/invoices/{invoice}/reminder", f"/invoices/{invoice}"])
    page.get_by_role("link", name="Record payment").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reference").fill("4711")
    dialog.get_by_label("Amount").fill("1.001")
    dialog.get_by_role("button", name="Record it").click()
    expect(dialog.get_by_text("EUR has fewer decimals.", exact=True)).to_be_visible()
    expect(dialog.get_by_label("Reference")).to_have_value("4711")
    dialog.get_by_label("Amount").fill("10")
    dialog.get_by_role("button", name="Record it").click()
    expect(page.get_by_text("is recorded as receipt")).to_be_visible()
