"""Gateways, routes and cards in a real browser: an admin's walk, a card added on a phone, the matrix at every size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app import clock, jobs, links
from app.access import Role
from app.commands.routing import gateways
from app.db import db
from app.models import Account, PaymentMethod, User
from app.states.gateway import GatewayEvent
from tests import factories, moves
from tests.browser.checkout import type_card
from tests.browser.looking import fits, violations, walk
from tests.browser.test_office import hashed, visit
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser

VISA, NO_FUNDS, CONFIRM = "4242424242424242", "4000000000009995", "4000002760003184"
PHONE = {"width": 390, "height": 844}
Visit = Callable[..., Page]


@pytest.fixture
def petra(app: Flask) -> User:
    app.config["WTF_CSRF_ENABLED"] = True
    factories.company()
    return factories.user(Role.PAYMENT_ADMIN, name="Petra Novak", password_hash=hashed())


@pytest.fixture
def opened(browser: Browser, live_server: str) -> Iterator[Visit]:  # noqa: F811
    with ExitStack() as stack:
        yield lambda user=None, **options: stack.enter_context(visit(browser, live_server, user, **options))


def northfield() -> Account:
    """Cards of every kind, on two routes, one of them on a gateway that is being retired."""
    customer, harbour = factories.account(name="Northfield Clinics GmbH"), moves.gateway("harbour")
    moves.route(harbour.id, name="Harbour cards")
    until = clock.today(factories.ZONE) + timedelta(days=120)
    moves.card(customer, moves.first_gateway().id, harbour.id)
    moves.card(customer, harbour.id, brand="Mastercard")
    moves.card(customer, exp_year=2020)
    gateways.move(harbour.id, GatewayEvent.DEPRECATE, because="x", legacy_until=until, by=moves.admin())
    return customer


def link(customer: Account) -> str:
    asked = moves.asked(customer)
    return f"/add-method/{links.mint('method', asked.public_id, asked.generation)}"


def test_an_admin_opens_a_gateway_puts_a_route_on_it_and_moves_it(opened: Visit, petra: User) -> None:
    page = opened(petra)
    page.goto("/admin/")
    page.get_by_role("link", name="Gateways").click()
    page.get_by_role("link", name="Add a gateway").click()
    page.get_by_label("Name", exact=True).fill("Harbour Payments")
    page.get_by_label("Key", exact=True).fill("harbour")
    page.get_by_label("Currencies").fill("EUR USD")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Harbour Payments")

    page.goto("/admin/routes")
    page.get_by_role("link", name="Add a route").click()
    page.get_by_label("Name", exact=True).fill("Large payments")
    page.get_by_label("Key", exact=True).fill("large")
    page.get_by_label("Currency").fill("EUR")
    page.get_by_label("From").fill("1000")
    page.locator("#gateway_id").select_option("Harbour Payments")
    page.get_by_label("Statement shows").fill("BRIGHT")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Move Large payments up").click()
    expect(page.locator("#routes tbody tr").first).to_contain_text("Large payments")

    page.get_by_label("Amount").fill("2500")
    page.get_by_role("button", name="Find the route").click()
    expect(page.get_by_text("“Large payments” takes it, at Harbour Payments.")).to_be_visible()

    page.locator("#route-large").get_by_role("link", name="Migrate").click()
    page.get_by_role("button", name="Migrate to Sandbox").click()
    expect(page.locator("#panel-migration")).to_contain_text("Running")
    jobs.run_due(raising=True)
    expect(page.locator("#panel-migration")).to_contain_text("The route goes to Sandbox.", timeout=15_000)
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator("#panel-migration")).to_contain_text("Taken back")


def test_a_route_is_moved_without_scripts(opened: Visit, petra: User) -> None:
    moves.route(moves.first_gateway().id, name="Second")
    page = opened(petra, java_script_enabled=False)
    page.goto("/admin/routes")
    page.get_by_role("button", name="Move Second up").click()
    expect(page.locator("#routes tbody tr").first).to_contain_text("Second")


def test_a_card_is_added_on_a_phone_after_a_decline(opened: Visit, petra: User) -> None:
    customer = factories.account(name="Northfield Clinics GmbH")
    page = opened(viewport=PHONE, bypass_csp=True)
    page.goto(link(customer))
    assert fits(page) and violations(page) == []
    press = page.get_by_role("button", name="Save this card")
    type_card(page, NO_FUNDS)
    page.get_by_label("may keep this card").check()
    press.click()
    expect(page.get_by_text("No card was saved.")).to_be_visible()
    type_card(page, VISA)
    page.get_by_label("may keep this card").check()
    press.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your card is saved.")
    assert fits(page) and violations(page) == []
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your card is saved.")
    db.session.rollback()
    assert db.session.scalars(select(PaymentMethod.last4)).one() == "4242"


def test_the_bank_asks_and_the_card_is_saved(opened: Visit, petra: User) -> None:
    page = opened(viewport=PHONE)
    page.goto(link(factories.account()))
    type_card(page, CONFIRM)
    page.get_by_label("may keep this card").check()
    page.get_by_role("button", name="Save this card").click()
    page.locator("button[value=approve]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your card is saved.")


def test_every_page_is_accessible_and_fits(opened: Visit, petra: User) -> None:
    customer = northfield()
    migration = moves.migration()
    account, admin = f"/accounts/{customer.number}", "/admin"
    paths = (
        f"{account}/coverage",
        f"{account}/card-requests/new",
        f"{admin}/gateways",
        f"{admin}/gateways/new",
        f"{admin}/gateways/harbour",
        f"{admin}/routes?currency=EUR&amount=10",
        f"{admin}/routes/new",
        f"{admin}/routes/cards",
        f"{admin}/routes/cards/migration",
        f"{admin}/route-migrations/{migration.id}",
    )
    walk(opened(petra, bypass_csp=True), paths)


def test_a_card_is_escalated_taken_off_file_and_asked_for(opened: Visit, petra: User) -> None:
    customer = northfield()
    page = opened(petra)
    page.goto(f"/accounts/{customer.number}/coverage")
    page.get_by_role("button", name="Escalate for retokenization").click()
    expect(page.get_by_text("The payment admins have it.")).to_be_visible()
    page.get_by_role("link", name="Take off file").first.click()
    page.get_by_label("Reason").fill("The customer asked")
    page.get_by_role("button", name="Take off file").click()
    expect(page.locator("#matrix tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Ask for a card").click()
    page.get_by_role("button", name="Send the link").click()
    expect(page.locator("#asked")).to_contain_text("Maria Keller")
