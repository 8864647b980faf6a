"""Our lines around Stripe's Payment Element, in a real browser and under our policy. Stripe's own script, frame and
bank page are stubs, put in their place on the way: what this shows is ours, not how Stripe's element looks or works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import select

from app.access import Role
from app.commands.orders import approvals
from app.db import db, transaction
from app.models import Approval, Attempt, Gateway, SalesOrder
from app.states.order import OrderStatus
from tests import factories
from tests.blueprints.public.customer import address
from tests.browser.looking import Console, fits
from tests.commands import moving
from tests.gateways.stripe.bench import fake  # noqa: F401  (fixture)
from tests.gateways.stripe.fake import FakeStripe
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser

SCRIPT = """
window.told = { updates: [] };
window.Stripe = (key, options) => ({
  elements: (facts) => {
    Object.assign(told, { key, facts, options });
    return {
      create: (type, wishes) => {
        const heard = {};
        Object.assign(told, { type, wishes });
        return {
          on: (event, act) => (heard[event] = act),
          mount: (place) => {
            const frame = Object.assign(document.createElement("iframe"), { title: "Secure payment input frame" });
            frame.src = "https://js.stripe.com/element";
            frame.onload = () => heard.ready();
            place.replaceChildren(frame);
          },
        };
      },
      update: (facts) => told.updates.push(facts),
      submit: async () => (window.incomplete ? { error: { message: "Your card number is incomplete." } } : {}),
    };
  },
  createConfirmationToken: async ({ params }) => {
    told.params = params;
    if (window.refused) return { error: { message: "Your card's security code is wrong." } };
    const card = { brand: "visa", last4: "4242" };
    return { confirmationToken: { id: window.card || "ctoken_pays", payment_method_preview: { card } } };
  },
});
"""
ELEMENT = "<!doctype html><title>Element</title><input placeholder=Card>"
BANK = '<!doctype html><html lang="en"><title>Bank</title><h1>Bank</h1><a href="{back}">Confirm</a>'


class Stripe:
    """What a browser finds at Stripe's addresses; whatever else it asks for outside is noted."""

    def __init__(self, fake: FakeStripe) -> None:  # noqa: F811
        self.fake = fake
        self.asked: list[str] = []
        self.down = False

    def answer(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        self.asked.append(f"{url.netloc}{url.path}")
        if self.down:
            return route.abort()
        if url.path == "/endive/stripe.js":
            return route.fulfill(body=SCRIPT, content_type="application/javascript")
        if url.netloc == "hooks.stripe.com":
            (intent,) = parse_qs(url.query)["intent"]
            back = self.fake.things[intent]["next_action"]["redirect_to_url"]["return_url"]
            return route.fulfill(body=BANK.format(back=back + f"?payment_intent={intent}"), content_type="text/html")
        return route.fulfill(body=ELEMENT, content_type="text/html")


@pytest.fixture
def stripes(fake: FakeStripe) -> Stripe:  # noqa: F811
    return Stripe(fake)


@pytest.fixture
def approval(app: Flask, stripes: Stripe) -> Approval:
    """An order with a monthly licence at its customer, whose cards go to Stripe."""
    app.config["WTF_CSRF_ENABLED"] = True
    order = factories.order(owner=factories.user(Role.SALESPERSON), deposit_percent="10")
    with transaction() as session:
        gateway = session.scalars(select(Gateway)).one()
        gateway.key, gateway.kind, gateway.name = "stripe", "stripe", "Stripe"
    return approvals.submit(order.id, by=order.owner)


@pytest.fixture
def context(browser: Browser, live_server: str, stripes: Stripe) -> Iterator[BrowserContext]:  # noqa: F811
    with browser.new_context(base_url=live_server, viewport={"width": 390, "height": 844}) as context:
        context.set_default_timeout(20_000)
        context.route(re.compile(r"https://(js|hooks|api)\.stripe\.com/"), stripes.answer)
        yield context


@pytest.fixture
def page(context: BrowserContext, approval: Approval) -> Page:
    """The payment step of a signed order."""
    page = context.new_page()
    page.goto(address("approve", approval.public_id))
    page.get_by_text("Type", exact=True).click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Sign and continue to payment").click()
    expect(page.frame_locator(".card-field iframe").get_by_placeholder("Card")).to_be_visible()
    return page


def keep(page: Page) -> None:
    """The box by key: right after a scroll, Chromium still sends clicks to where the framed element was."""
    box = page.get_by_role("checkbox")
    if not box.is_checked():
        box.press("Space")


def pay(page: Page, card: str = "ctoken_pays") -> None:
    page.evaluate("card => { window.card = card }", card)
    keep(page)
    page.get_by_role("button", name="Pay €").click()


def told(page: Page) -> dict[str, Any]:
    return page.evaluate("told")


def status_of(approval: Approval) -> OrderStatus:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(SalesOrder, approval.order_id).status


def paid(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")


def test_a_card_pays_and_is_kept_with_its_holders_name(page: Page, approval: Approval, stripes: Stripe) -> None:
    console = Console(page)
    facts = told(page)
    assert facts["key"].startswith("pk_test_") and facts["type"] == "payment"
    given = facts["facts"]
    assert (given["mode"], given["amount"], given["currency"]) == ("payment", 4106, "eur")
    assert given["paymentMethodTypes"] == ["card"] and given["captureMethod"] == "automatic"
    assert re.fullmatch("#[0-9a-f]{6}", given["appearance"]["variables"]["colorPrimary"])
    pay(page)
    paid(page)
    expect(page.get_by_text("Visa ending 4242").first).to_be_visible()
    assert status_of(approval) is OrderStatus.ACTIVATED
    sent = next(s.params for s in stripes.fake.sent if s.method == "POST" and s.path == "/v1/payment_intents")
    assert (sent["confirmation_token"], sent["setup_future_usage"], sent["amount"]) == (
        "ctoken_pays",
        "off_session",
        "4106",
    )
    assert console.lines == []
    assert set(stripes.asked) == {"js.stripe.com/endive/stripe.js", "js.stripe.com/element"}


def test_what_is_captured_later_is_told_to_the_element(page: Page) -> None:
    moving.capture_later()
    page.reload()
    expect(page.frame_locator(".card-field iframe").get_by_placeholder("Card")).to_be_visible()
    assert told(page)["facts"]["captureMethod"] == "manual"


def test_what_is_kept_and_whose_card_it_is_are_told_to_the_element(page: Page) -> None:
    keep(page)
    page.evaluate("window.refused = true")
    page.get_by_role("button", name="Pay €").click()
    expect(page.get_by_role("alert").filter(has_text="security code is wrong")).to_be_visible()
    name = page.get_by_label("Name").input_value()
    assert name and told(page)["params"]["payment_method_data"]["billing_details"]["name"] == name
    assert told(page)["updates"][-1] == {"setupFutureUsage": "off_session"}


def test_what_the_element_finds_wrong_sends_nothing(page: Page) -> None:
    page.evaluate("window.incomplete = true")
    keep(page)
    page.get_by_role("button", name="Pay €").click()
    page.wait_for_function("told.updates.length > 0")
    assert "params" not in told(page)
    assert db.session.scalars(select(Attempt)).all() == []


def test_a_double_click_pays_once(page: Page, approval: Approval) -> None:
    keep(page)
    page.get_by_role("button", name="Pay €").dblclick()
    paid(page)
    assert len(db.session.scalars(select(Attempt)).all()) == 1


def test_a_decline_says_why_and_another_card_pays(page: Page) -> None:
    pay(page, "ctoken_insufficient_funds")
    expect(page.get_by_text("not enough funds")).to_be_visible()
    expect(page.frame_locator(".card-field iframe").get_by_placeholder("Card")).to_be_visible()
    pay(page)
    paid(page)


@pytest.mark.parametrize("approved", [True, False])
def test_the_bank_is_reached_by_itself_and_the_payer_comes_back(
    page: Page, approval: Approval, stripes: Stripe, approved: bool
) -> None:
    console = Console(page)
    pay(page, "ctoken_confirm")
    expect(page.get_by_role("heading", name="Bank", exact=True)).to_be_visible()
    attempt = db.session.scalars(select(Attempt)).one()
    assert attempt.next_action == {"kind": "redirect"}
    stripes.fake.confirm(attempt.provider_id or "", approved)
    page.get_by_role("link", name="Confirm").click()
    if approved:
        paid(page)
    else:
        expect(page.get_by_text("The payment was not confirmed with your bank.")).to_be_visible()
    assert console.lines == []


def test_who_left_the_bank_finds_the_way_there_again(page: Page, approval: Approval, stripes: Stripe) -> None:
    pay(page, "ctoken_confirm")
    expect(page.get_by_role("heading", name="Bank", exact=True)).to_be_visible()
    page.goto(address("approve", approval.public_id) + "/pay")
    page.get_by_role("link", name="Confirm with your bank").click()
    expect(page.get_by_role("heading", name="Bank", exact=True)).to_be_visible()
    page.goto(address("approve", approval.public_id) + "/pay")
    stripes.fake.fail(500, times=2)
    page.get_by_role("link", name="Confirm with your bank").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your bank's page cannot be reached.")
    stripes.fake.confirm(db.session.scalars(select(Attempt.provider_id)).one() or "", True)
    page.get_by_role("link", name="Try again").click()
    paid(page)


def test_a_script_that_does_not_load_is_said(context: BrowserContext, page: Page, stripes: Stripe) -> None:
    stripes.down = True
    page.reload()
    expect(page.get_by_role("alert").filter(has_text="The card field did not load.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_sound_in_both_looks(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.reload()
    expect(page.frame_locator(".card-field iframe").get_by_placeholder("Card")).to_be_visible()
    given = told(page)["facts"]["appearance"]
    assert given["theme"] == {"light": "stripe", "dark": "night"}[scheme]
    assert fits(page)
