"""The AR doctor and the cash trace, as they look and as they are pressed."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app.access import Role
from app.commands.receivables import receipts
from app.db import db, end_read
from app.models import SalesOrder
from tests import factories
from tests.browser.test_look import sign_in, violations
from tests.commands.conftest import gateway  # noqa: F401  (fixture)
from tests.commands.receivables.test_doctor import break_step
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser


def looks_well(page: Page) -> None:
    for scheme in ("light", "dark"):
        for width in (1440, 390):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            assert violations(page) == [], (scheme, width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (scheme, width)


@pytest.mark.usefixtures("gateway")
def test_a_payment_that_did_not_move_is_repaired_and_its_trace_made_whole(
    browser: Browser,
    app: Flask,
    live_server: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_step(monkeypatch, factories.user(Role.AR), receipts, "for_transaction")
    number = db.session.scalars(select(SalesOrder.number)).one()
    end_read()
    with browser.new_context(base_url=live_server, bypass_csp=True) as context:
        sign_in(context, app, live_server, Role.AR)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(f"/trace/orders/{number}")
        expect(page.get_by_text("1 hop is missing.")).to_be_visible()
        looks_well(page)
        page.goto(f"/orders/{number}")
        page.get_by_role("link", name="Why did this not move?").click()
        looks_well(page)
        for button in ("Create the missing receipt", "Allocate it", "Run the steps again"):
            page.get_by_role("button", name=button).and_(page.locator(".primary")).click()
            expect(page.get_by_role("button", name=button).and_(page.locator(".primary"))).to_have_count(0)
        expect(page.get_by_text("All that was paid reached the receivables.")).to_be_visible()
        looks_well(page)
        page.goto(f"/orders/{number}")
        page.locator("#panel-lines .traced").first.click()
        expect(page.get_by_text("No hop is missing.")).to_be_visible()
        looks_well(page)
