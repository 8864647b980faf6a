"""Quotes and accounts in a real browser: accessible, fitting, and the editor with and without JavaScript."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app.access import Role
from app.commands.office import accounts
from app.commands.quotes import conversion, quotes
from app.db import db
from app.models import Quote, SalesOrder, User
from tests import factories
from tests.browser.looking import walk
from tests.browser.test_office import hashed, visit
from tests.commands import quoting
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser


@pytest.fixture
def dana(app: Flask) -> User:
    return factories.user(Role.SALESPERSON, name="Dana Reyes", password_hash=hashed())


def test_every_page_is_accessible_and_fits(browser: Browser, live_server: str) -> None:  # noqa: F811
    ruth, manager = factories.user(Role.ADMIN, password_hash=hashed()), factories.user(Role.SALES_MANAGER)
    held = factories.account()
    accounts.hold(held.id, reason="Two invoices overdue", by=ruth)
    draft = quotes.create(quoting.content(notes="Gate 2"), by=ruth)
    submitted = quotes.create(quoting.content(), by=ruth)
    quotes.submit(submitted.id, by=ruth)
    converted = quoting.approved(ruth, manager)
    order = conversion.convert(converted.id, by=ruth)
    pages = ["/quotes/", "/quotes/?q=nobody", "/quotes/new", f"/quotes/new?account={held.number}"]
    pages += [f"/quotes/{q.number}" for q in (draft, submitted, converted)]
    pages += [f"/quotes/{draft.number}/1/edit", f"/quotes/{submitted.number}/1/reject"]
    customer = f"/accounts/{order.account.number}"
    pages += ["/accounts/", "/accounts/new", customer, f"/accounts/{held.number}", f"{customer}/edit"]
    pages += [f"{customer}/billing", f"{customer}/contacts/new", f"{customer}/addresses/new", f"{customer}/hold"]
    with visit(browser, live_server, ruth, bypass_csp=True) as page:
        walk(page, pages)


def test_a_quote_is_written_with_the_line_editor(browser: Browser, live_server: str, dana: User) -> None:  # noqa: F811
    customer = factories.account(name="Northfield Clinics")
    factories.product(sku="T-1", name="Terminal", unit_price=Decimal("612"))
    factories.product(sku="L-1", name="Licence", unit_price=Decimal("24.5"))
    with visit(browser, live_server, dana) as page:
        page.goto("/quotes/new")
        page.get_by_role("link", name="Northfield Clinics").click()
        rows = page.locator("#lines [data-line]:visible")
        expect(rows).to_have_count(1)
        rows.nth(0).get_by_label("Product").select_option(label="Terminal (T-1)")
        expect(rows.nth(0).get_by_label("Unit price")).to_have_value("612")
        expect(rows.nth(0).get_by_label("Quantity")).to_have_value("1")
        page.get_by_role("button", name="Add a line").click()
        expect(rows.nth(1).get_by_label("Product")).to_be_focused()
        rows.nth(1).get_by_label("Product").select_option(label="Licence (L-1)")
        rows.nth(1).get_by_label("Quantity").fill("10")
        page.get_by_role("button", name="Add a line").click()
        rows.nth(2).get_by_label("Product").select_option(label="Licence (L-1)")
        rows.nth(2).get_by_role("button", name="Remove this line").click()
        page.get_by_role("button", name="Save draft").click()
        expect(page.get_by_role("heading", name="Northfield Clinics")).to_be_visible()
        expect(page.locator("#quote-lines tbody tr")).to_have_count(2)
        page.get_by_role("button", name="Submit for approval").click()
        expect(page.get_by_text("This quote waits for approval.")).to_be_visible()
    db.session.rollback()
    quote = db.session.scalars(select(Quote)).one()
    assert [(x.sku, x.quantity, x.unit_price) for x in quote.lines] == [("T-1", 1, 612), ("L-1", 10, Decimal("24.5"))]
    assert quote.account_id == customer.id


def test_an_approver_rejects_in_the_dialog_and_a_double_click_converts_once(
    browser: Browser,
    live_server: str,  # noqa: F811
    dana: User,
) -> None:
    tom = factories.user(Role.SALES_MANAGER, password_hash=hashed())
    doubtful, sound = (quotes.create(quoting.content(), by=dana) for _ in range(2))
    quotes.submit(doubtful.id, by=dana)
    quotes.submit(sound.id, by=dana)
    with visit(browser, live_server, tom) as page:
        page.goto(f"/quotes/{doubtful.number}")
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("link", name="Reject").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Reject").click()
        expect(dialog.get_by_text("Say why, so that the quote can be mended.").first).to_be_visible()
        dialog.get_by_label("Reason").fill("Too cheap")
        dialog.get_by_role("button", name="Reject").click()
        expect(page.get_by_text("This version was rejected.")).to_be_visible()
        page.goto(f"/quotes/{sound.number}")
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("button", name="Convert to order").dblclick()
        page.wait_for_url("**/orders/SO-*")
    db.session.rollback()
    assert len(db.session.scalars(select(SalesOrder)).all()) == 1


def test_without_javascript_everything_still_works(browser: Browser, live_server: str, dana: User) -> None:  # noqa: F811
    customer = factories.account(name="Northfield Clinics")
    factories.product(sku="T-1", name="Terminal", unit_price=Decimal("612"))
    with visit(browser, live_server, dana, java_script_enabled=False) as page:
        page.goto(f"/quotes/new?account={customer.number}")
        rows = page.locator("#lines [data-line]")
        expect(rows).to_have_count(3)
        rows.nth(1).get_by_label("Product").select_option(label="Terminal (T-1)")
        rows.nth(1).get_by_label("Quantity").fill("1,5")
        page.get_by_role("button", name="Save draft").click()
        expect(page.get_by_text("with a point and without thousands separators")).to_be_visible()
        expect(rows.nth(1).get_by_label("Quantity")).to_have_value("1,5")
        rows.nth(1).get_by_label("Quantity").fill("1.5")
        page.get_by_role("button", name="Save draft").click()
        _press(page, "Submit for approval")
        expect(page.get_by_text("This quote waits for approval.")).to_be_visible()
    db.session.rollback()
    lines = db.session.scalars(select(Quote)).one().lines
    assert [(x.sku, x.quantity, x.unit_price) for x in lines] == [("T-1", Decimal("1.5"), 612)]


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()
