"""The AR doctor and the cash trace, as they look and as they are pressed."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from app.access import Role
from app.commands.receivables import receipts
from app.db import db, end_read
from app.models import SalesOrder
from tests import factories
from tests.browser.looking import look
from tests.browser.test_look import sign_in
from tests.commands.conftest import gateway  # noqa: F401  (fixture)
from tests.commands.receivables.test_doctor import break_step
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser


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
        look(page)
        page.goto(f"/orders/{number}")
        page.get_by_role("link", name="Why did this not move?").click()
        look(page)
        for button in ("Create the missing receipt", "Allocate it", "Run the steps again"):
            page.get_by_role("button", name=button).and_(page.locator(".primary")).click()
            expect(page.get_by_role("button", name=button).and_(page.locator(".primary"))).to_have_count(0)
        expect(page.get_by_text("All that was paid reached the receivables.")).to_be_visible()
        look(page)
        page.goto(f"/orders/{number}")
        page.locator("#panel-lines .traced").first.click()
        expect(page.get_by_text("No hop is missing.")).to_be_visible()
        look(page)
