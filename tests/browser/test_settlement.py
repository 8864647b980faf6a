"""Settlement and reports in a browser: at every size, in both themes, an exception accepted, a sync seen to its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app import clock, jobs
from app.access import Role
from app.commands.settlement import settlement
from app.db import db, end_read
from app.gateways.sandbox import disputes
from app.gateways.settlement import PayoutState
from app.models import PaymentOrder, SettlementBatch
from app.money import Money
from tests import factories
from tests.browser.looking import walk
from tests.browser.test_look import sign_in
from tests.live import live_server  # noqa: F401  (fixture)
from tests.paid_out import gateway_id, line, paid, pay_out, payout, sync

pytestmark = pytest.mark.browser
REPORTS = ("", "gateway-mix", "fees", "payouts")


@pytest.fixture
def books(app: Flask) -> None:
    """Cards of two brands, a dispute, a payout that failed and one that does not add up."""
    charge, *_ = paid(2)
    paid(1, "mastercard")
    paid(1, "insufficient-funds")
    end_read()
    disputes.open_one("sandbox", charge.provider_id, inquiry=False)
    pay_out()
    sync()
    earlier = clock.now() - timedelta(days=40)
    old = payout(line(92000, 1410, provider_id="t8", at=earlier), provider_id="po-8", at=earlier)
    settlement.write(gateway_id(), old)
    settlement.write(gateway_id(), payout(line(provider_id="t9"), provider_id="po-9", state=PayoutState.FAILED))
    settlement.write(gateway_id(), payout(line(), net=Money(1, "EUR")))
    paid()


@pytest.fixture
def page(
    browser: Browser,
    app: Flask,
    books: None,
    live_server: str,  # noqa: F811
) -> Iterator[Page]:
    app.config["WTF_CSRF_ENABLED"] = True
    with browser.new_context(base_url=live_server, bypass_csp=True) as context:
        sign_in(context, app, live_server, Role.ADMIN)
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page


def test_every_page_is_accessible_and_fits(page: Page) -> None:
    batch = db.session.scalars(select(SettlementBatch.id).order_by(SettlementBatch.id)).first()
    number = db.session.scalars(select(PaymentOrder.number).order_by(PaymentOrder.id)).first()
    month = f"{clock.today(factories.ZONE):%Y-%m}"
    places = ["/settlement/", f"/settlement/batches/{batch}", "/settlement/exceptions", f"/payments/{number}"]
    places += [f"/reports/{name}" for name in (*REPORTS, f"accounting?month={month}")]
    walk(page, places)


def test_a_difference_is_accepted_and_a_sync_is_seen_to_its_end(page: Page) -> None:
    page.goto("/settlement/exceptions")
    page.get_by_role("link", name="Accept").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Accept the difference").click()
    expect(dialog.get_by_text("Say why").first).to_be_visible()
    dialog.get_by_label("Reason").fill("The bank kept it.")
    dialog.get_by_role("button", name="Accept the difference").click()
    expect(page.get_by_text("Everything fits")).to_be_visible()
    page.goto("/settlement/")
    page.get_by_role("button", name="Sync now").click()
    expect(page.locator("#panel-gateways")).to_contain_text("Being fetched")
    jobs.run_due(raising=True)
    expect(page.locator("#panel-gateways")).not_to_contain_text("Being fetched", timeout=15_000)
