"""The parts every page is made of, in a real browser: accessible at every size, in both themes, under the CSP."""

from __future__ import annotations

from collections.abc import Iterator
from time import time

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.access import Role
from tests import factories
from tests.browser.looking import fits, violations, walk
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser


def sign_in(context: BrowserContext, app: Flask, address: str, role: Role = Role.SALESPERSON) -> None:
    """A session cookie as the sign-in page would set it."""
    user = factories.user(role)
    session = {"_user_id": user.get_id(), "_fresh": True, "began": int(time()), "seen": int(time())}
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    context.add_cookies(
        [{"name": app.config["SESSION_COOKIE_NAME"], "value": serializer.dumps(session), "url": address}]
    )


@pytest.fixture
def page(browser: Browser, app: Flask, live_server: str) -> Iterator[Page]:  # noqa: F811
    with browser.new_context(base_url=live_server, bypass_csp=True) as context:
        sign_in(context, app, live_server)
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page


def test_every_part_is_accessible_and_fits(page: Page) -> None:
    walk(page, ["/styleguide"])


def test_what_is_wrong_is_found(page: Page) -> None:
    page.goto("/styleguide")
    spoil = "document.querySelector('main').insertAdjacentHTML('beforeend', html => html)"
    page.evaluate(spoil.replace("html => html", '\'<img src="/static/x.png"><p style="width: 3000px">Wide</p>\''))
    assert any(found.startswith("image-alt") for found in violations(page))
    assert not fits(page)


def test_keys_dialogs_and_menus(page: Page) -> None:
    page.goto("/styleguide")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#global-search")).to_be_focused()
    page.get_by_role("link", name="Open dialog").click()
    expect(page.get_by_role("dialog", name="Void the authorization")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More actions").click()
    expect(page.get_by_role("link", name="Convert to draft").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Collect now Your role").first).to_be_focused()


def test_a_button_that_may_not_be_pressed_says_why_and_does_nothing(page: Page) -> None:
    page.goto("/styleguide")
    refused = page.locator("#buttons").get_by_role("button", name="Collect now")
    expect(refused).to_have_accessible_description("Ask AR.")
    expect(refused).to_be_disabled()
