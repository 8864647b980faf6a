"""Agreements in a real browser: accessible at every size, and paused where one stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from app.access import Role
from app.commands.agreements import charging
from app.db import db, end_read
from app.models import PaymentOrder
from tests import factories, moves, plans
from tests.browser.looking import look, walk
from tests.browser.test_look import sign_in
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, app: Flask, live_server: str) -> Iterator[Page]:  # noqa: F811
    with browser.new_context(base_url=live_server, bypass_csp=True) as context:
        sign_in(context, app, live_server, Role.BILLING)
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page


def test_agreements_are_accessible_and_paused_in_place(page: Page) -> None:
    customer = factories.account()
    number, account = plans.by_hand(customer).number, customer.number
    end_read()
    run = f"/agreements/runs/{moves.run().day}"
    charging.run()
    asked = f"/payments/{db.session.query(PaymentOrder).one().number}"
    end_read()
    walk(page, ["/agreements/", f"/agreements/{number}", f"/agreements/new/{account}", "/agreements/runs/", run, asked])
    page.goto(f"/agreements/{number}")
    page.get_by_role("link", name="Pause").click()
    dialog = page.get_by_role("dialog", name=f"Pause {number}")
    dialog.get_by_role("button", name="Pause").click()
    expect(dialog.get_by_text("Say why.").first).to_be_visible()
    dialog.get_by_label("Reason").fill("The ward is being rebuilt")
    dialog.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Not live: The agreement is paused.").first).to_be_visible()
    expect(page.get_by_role("link", name="Resume")).to_be_visible()
    look(page)
