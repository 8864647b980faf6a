"""Payment operations in a browser: found by keyboard in the menu, at every size, a charge asked about in place."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from app.access import Role
from tests import factories, waiting
from tests.browser.looking import violations, walk
from tests.browser.test_look import sign_in
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser


def test_what_waits_is_found_by_the_menu_and_helped_in_place(
    browser: Browser,
    app: Flask,
    live_server: str,  # noqa: F811
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    factories.company()
    waiting.lost_charge()
    event, escalation = waiting.unmatched(), waiting.escalation()
    with browser.new_context(base_url=live_server, bypass_csp=True) as context:
        sign_in(context, app, live_server, Role.ADMIN)
        page = context.new_page()
        page.set_default_timeout(30_000)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.set_viewport_size({"width": 1024, "height": 800})
        page.goto("/invoices/")
        page.get_by_role("button", name="Operations").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Payment operations")).to_be_focused()
        assert violations(page) == []
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Ask the gateway now").click()
        expect(page.locator("#toasts")).to_contain_text("The gateway has answered: succeeded.")
        expect(page.locator("#queue-charges")).to_have_count(0)
        paths = ("payments/", "events/", f"events/{event.id}", "escalations/", f"escalations/{escalation.id}")
        walk(page, [f"/operations/{path}" for path in paths])
        page.set_viewport_size({"width": 390, "height": 844})
        page.get_by_role("button", name="Menu").click()
        expect(page.get_by_role("link", name="Settlement")).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Resolve").click()
        page.get_by_label("In a sentence").fill("The customer was called.")
        page.get_by_role("button", name="Resolve it").click()
        expect(page.locator("#panel-escalation")).to_contain_text("The customer was called.")
        assert complaints == []
