"""Signing in, the admin's switches and the quiet pages of the office, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from app import links, passwords
from app.access import Role
from app.commands.office import people
from app.commands.orders import approvals
from app.db import db
from app.models import Approval, User
from tests import factories
from tests.browser.looking import walk
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser

PASSWORD = "walnut river seven"
SUBMIT = "Allow salespeople to send an order to customers for approval"
PAYMENT = "Orders sent for approval by salespeople can accept payment"


@pytest.fixture
def ruth(app: Flask) -> User:
    return factories.user(Role.ADMIN, name="Ruth Adler", email="ruth@brightwater.test", password_hash=hashed())


def hashed() -> str:
    return passwords.hashed(PASSWORD)


@contextmanager
def visit(browser: Browser, address: str, user: User | None = None, **options: object) -> Iterator[Page]:
    """A browser of its own, signed in by the form; its console has to stay empty."""
    with browser.new_context(base_url=address, **options) as context:  # type: ignore[arg-type]
        page, complaints = context.new_page(), []
        page.set_default_timeout(20_000)
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        if user:
            page.goto("/sign-in")
            enter(page, user)
        yield page
        assert [c for c in complaints if "status of 4" not in c] == []


def enter(page: Page, user: User) -> None:
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


def test_every_page_is_accessible_and_fits(browser: Browser, live_server: str, ruth: User) -> None:  # noqa: F811
    order = factories.order(owner=ruth)
    invoice = factories.invoice(order, lines=3)
    people = ["people", f"people/{ruth.id}", "people/new", "roles"]
    paths = ["", "settings", "company", *people, "audit", "mails", "mails/receipt", "dunning", "dunning/1"]
    rooms = ["/invoices/", f"/invoices/{invoice.number}", "/operations/mail", "/recovery/"]
    pages = ["/sign-in", "/your-account", *rooms, *(f"/admin/{p}" for p in paths)]
    with visit(browser, live_server, bypass_csp=True) as page:
        walk(page, pages[:1])
        enter(page, ruth)
        walk(page, pages[1:])


def test_the_switches_take_effect_at_once_on_page_and_open_link(
    browser: Browser,
    app: Flask,
    live_server: str,  # noqa: F811
    ruth: User,
) -> None:
    dana = factories.user(Role.SALESPERSON, password_hash=hashed())
    draft = factories.order(owner=dana).number
    sent = approvals.submit(factories.order(owner=dana).id, by=dana).id
    approval = db.session.get_one(Approval, sent)
    link = f"/approve/{links.mint('approve', approval.public_id, approval.generation)}"
    with (
        visit(browser, live_server, ruth) as office,
        visit(browser, live_server, dana) as desk,
        visit(browser, live_server) as phone,
    ):
        desk.goto(f"/orders/{draft}")
        expect(desk.locator("a.button.primary", has_text="Send for approval")).to_be_visible()
        phone.goto(link)
        expect(phone.get_by_role("button", name="Sign and continue to payment")).to_be_visible()

        office.goto("/admin/settings")
        office.get_by_role("switch", name=SUBMIT).click()
        expect(office.get_by_text("Salespeople send nothing new for approval")).to_be_visible()
        desk.reload()
        expect(desk.get_by_text("Salespeople may not send orders for approval at the moment.").first).to_be_visible()
        phone.reload()
        expect(phone.get_by_role("button", name="Sign and continue to payment")).to_be_visible()

        office.get_by_role("switch", name=PAYMENT).click()
        expect(office.get_by_text("can be signed, not paid")).to_be_visible()
        expect(office.get_by_role("switch", name=PAYMENT)).to_be_disabled()
        phone.reload()
        expect(phone.get_by_role("button", name="Sign and continue to payment")).to_have_count(0)
        expect(phone.get_by_role("button", name="Sign")).to_be_visible()

        office.get_by_role("switch", name=SUBMIT).click()
        desk.reload()
        expect(desk.locator("a.button.primary", has_text="Send for approval")).to_be_visible()


def test_a_switch_is_turned_without_scripts(browser: Browser, live_server: str, ruth: User) -> None:  # noqa: F811
    with visit(browser, live_server, ruth, java_script_enabled=False) as page:
        page.goto("/admin/settings")
        page.get_by_role("switch", name=SUBMIT).uncheck()
        page.get_by_role("button", name="Apply").first.click()
        expect(page.get_by_role("switch", name=SUBMIT)).not_to_be_checked()
        expect(page.get_by_text("Turned off by Ruth Adler")).to_be_visible()


def test_what_was_typed_survives_a_session_that_ended(browser: Browser, live_server: str, ruth: User) -> None:  # noqa: F811
    with visit(browser, live_server, ruth) as page:
        page.goto("/admin/settings")
        page.get_by_label("Life of an approval link").fill("21")
        people.sign_out_everywhere(ruth.id, by=ruth)
        page.get_by_role("button", name="Save settings").click()
        expect(page.get_by_text("You were signed out")).to_be_visible()
        enter(page, ruth)
        expect(page).to_have_url(f"{live_server}/admin/settings")
        expect(page.get_by_label("Life of an approval link")).to_have_value("21")
        page.get_by_role("button", name="Save settings").click()
        expect(page.get_by_text("Saved; in force at once.")).to_be_visible()


def test_the_demo_is_entered_with_one_click(browser: Browser, app: Flask, live_server: str) -> None:  # noqa: F811
    factories.user(
        Role.SALESPERSON, email="dana.reyes@brightwater.example", password_hash=passwords.hashed("countersign-demo")
    )
    app.config["ENVIRONMENT"] = "demo"
    with visit(browser, live_server) as page:
        page.goto("/orders/?status=draft")
        page.get_by_role("button", name="Dana Reyes").click()
        expect(page).to_have_url(f"{live_server}/orders/?status=draft")
