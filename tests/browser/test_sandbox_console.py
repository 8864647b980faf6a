"""The sandbox's console in a browser: at every size, in both themes, and its next call armed as a person would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from app.access import Role
from app.commands.routing import sandbox as console
from app.gateways.base import Outcome
from tests import factories
from tests.browser.looking import walk
from tests.browser.test_look import sign_in
from tests.gateways.bench import Bench
from tests.gateways.benches import sandbox_bench
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser
HOME = "/sandbox/console/sandbox"


@pytest.fixture
def bench(app: Flask) -> Bench:
    operator = factories.user(Role.ADMIN)
    bench = sandbox_bench()
    charge = bench.paid()
    bench.gateway.move(bench.movement("refund", charge, 100))
    console.open_dispute("sandbox", bench.paid().provider_id or "", by=operator)
    console.pay_out("sandbox", by=operator)
    bench.paid()
    return bench


@pytest.fixture
def page(
    browser: Browser,
    app: Flask,
    bench: Bench,
    live_server: str,  # noqa: F811
) -> Iterator[Page]:
    with browser.new_context(base_url=live_server, bypass_csp=True) as context:
        sign_in(context, app, live_server, Role.ADMIN)
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page


def test_the_console_is_accessible_and_fits(page: Page) -> None:
    walk(page, [HOME])


def test_a_decline_is_armed_and_met(page: Page, bench: Bench) -> None:
    page.goto(HOME)
    expect(page.get_by_label("Decline code")).to_be_hidden()
    page.get_by_label("What happens to it").select_option("declined")
    page.get_by_label("Decline code").select_option("do_not_honor")
    page.get_by_role("button", name="Arm").click()
    expect(page.get_by_role("list", name="Armed")).to_contain_text("do_not_honor")
    declined = bench.gateway.charge(bench.request())
    assert (declined.outcome, declined.decline_code) == (Outcome.DECLINED, "do_not_honor")
    page.reload()
    expect(page.get_by_text("Nothing is armed")).to_be_visible()
    page.locator("#charges").get_by_role("button", name="What happens to this charge").first.click()
    page.get_by_role("button", name="The bank inquires").click()
    expect(page.locator("#disputes")).to_contain_text("Inquiry")
