"""The hosted card field in a real browser: an alias comes out, and the number goes nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask, render_template_string, request
from playwright.sync_api import Browser, FrameLocator, Page, Request, expect

from app import clock
from app.access import public
from app.gateways.base import Outcome
from app.gateways.card_field import CardField
from app.gateways.sandbox.cards import CARDS, read_alias
from tests import factories
from tests.gateways.benches import sandbox_bench
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser

CHECKOUT = """
{% extends "layouts/public.html" %}
{% from "components/card_field.html" import card_field with context %}
{% from "components/fields.html" import post_form %}
{% from "components/buttons.html" import button %}
{% block heading %}Pay{% endblock %}
{% block content %}
{% call post_form("/checkout", target="#result" if htmx else None, id="pay") %}
<div class="panel"><div class="panel-body">{{ card_field("pay", field) }}</div></div>
{{ button("Pay €123.45", kind="primary", wide=true) }}
{{ button("Pay later", name="later", value="yes", novalidate=true) }}
{% endcall %}
<p id="result">nothing yet</p>
{% endblock %}
"""
LONG_NUMBER = re.compile(r"(?:\d[ -]?){13,19}")


class Watch:
    """Everything a page sends, and everything it complains about."""

    def __init__(self, page: Page) -> None:
        self.sent: list[str] = []
        self.complaints: list[str] = []
        page.context.on("request", self.note)
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: self.complaints.append(str(e)))

    def note(self, sent: Request) -> None:
        self.sent.append(" ".join([sent.url, str(sent.headers), sent.post_data or ""]))

    def numbers(self) -> list[str]:
        """Card numbers in what was sent, whole or grouped."""
        ours = {card.number for card in CARDS}
        found = (re.sub(r"\D", "", match) for text in self.sent for match in LONG_NUMBER.findall(text))
        return [number for number in found if any(card in number for card in ours)]


@pytest.fixture
def posts(app: Flask) -> list[dict[str, str]]:
    """What the checkout was sent, after adding it to the application."""
    factories.company()
    received: list[dict[str, str]] = []

    @app.get("/checkout")
    @public
    def checkout() -> str:
        return render_template_string(CHECKOUT, htmx="htmx" in request.args, field=CardField("sandbox"))

    @app.post("/checkout")
    @public
    def pay() -> str:
        received.append(request.form.to_dict())
        return f'<link rel="icon" href="data:,"><p id="result">paid with {request.form["card_label"] or "nothing"}</p>'

    return received


@pytest.fixture
def page(browser: Browser, posts: list[dict[str, str]], live_server: str) -> Iterator[Page]:  # noqa: F811
    with browser.new_context(base_url=live_server, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page


def card_in(page: Page) -> FrameLocator:
    return page.frame_locator(".card-field iframe")


def type_card(page: Page, number: str, expiry: str = "1230", cvc: str = "123") -> None:
    frame = card_in(page)
    frame.get_by_label("Card number").press_sequentially(number)
    frame.get_by_label("Expiry").press_sequentially(expiry)
    frame.get_by_label("CVC").press_sequentially(cvc)


@pytest.mark.parametrize("address", ["/checkout", "/checkout?htmx"])
def test_an_alias_comes_out_and_the_number_goes_nowhere(page: Page, posts: list, address: str, app: Flask) -> None:
    watch = Watch(page)
    page.goto(address)
    type_card(page, "4242424242424242")
    expect(card_in(page).get_by_label("Card number")).to_have_value("4242 4242 4242 4242")
    expect(card_in(page).get_by_label("Expiry")).to_have_value("12 / 30")
    page.get_by_role("button", name="Pay €123.45").click()
    expect(page.locator("#result")).to_have_text("paid with Visa ending 4242")
    assert [post["instrument"] for post in posts] == ["sbx_card_visa_1230"]
    assert watch.numbers() == []
    assert watch.complaints == []
    bench = sandbox_bench()
    assert bench.gateway.charge(bench.request(instrument=posts[0]["instrument"])).outcome is Outcome.SUCCEEDED


def test_the_watch_would_see_a_number(page: Page) -> None:
    watch = Watch(page)
    page.goto("/checkout?q=4242+4242")
    page.evaluate("fetch('/checkout', {method: 'POST', body: 'n=4242 4242 4242 4242&expiry=12'})")
    expect(page.locator("#result")).to_be_visible()
    assert watch.numbers() != []


def test_a_real_number_is_refused_in_the_field(page: Page, posts: list) -> None:
    watch = Watch(page)
    page.goto("/checkout")
    type_card(page, "4539578763621486")
    page.get_by_role("button", name="Pay €123.45").click()
    expect(card_in(page).get_by_role("alert")).to_contain_text("This is not a test card.")
    expect(card_in(page).get_by_label("Card number")).to_have_attribute("aria-invalid", "true")
    expect(card_in(page).get_by_label("Card number")).to_be_focused()
    assert posts == []
    assert not any("4539" in text for text in watch.sent)


@pytest.mark.parametrize(
    ("number", "expiry", "cvc", "sentence"),
    [
        ("", "", "", "Enter the card number. Enter the expiry date, like 12 / 30. Enter the security code."),
        ("4242424242424241", "1230", "123", "This card number is not right. Check its digits."),
        ("4242424242424242", "1330", "123", "This is not a date. Write month and year, like 12 / 30."),
        ("4242424242424242", "{expired}", "123", "This card has expired."),
        ("4242424242424242", "1230", "12", "The security code has 3 digits."),
        ("378282246310005", "1230", "123", "The security code has 4 digits."),
    ],
)
def test_what_is_wrong_is_said_beside_the_fields(page: Page, number, expiry, cvc, sentence) -> None:
    page.goto("/checkout")
    last_month = clock.now().date().replace(day=1) - timedelta(days=1)
    type_card(page, number, expiry.format(expired=f"{last_month:%m%y}"), cvc)
    page.get_by_role("button", name="Pay €123.45").click()
    expect(card_in(page).get_by_role("alert")).to_have_text(sentence)
    expect(card_in(page).locator("input[aria-invalid=true]").first).to_be_focused()


@pytest.mark.parametrize(("typed", "shown"), [("1/30", "01 / 30"), ("5", "05"), ("12/2030", "12 / 2030")])
def test_a_date_may_be_written_in_many_ways(page: Page, typed: str, shown: str) -> None:
    page.goto("/checkout")
    card_in(page).get_by_label("Expiry").press_sequentially(typed)
    expect(card_in(page).get_by_label("Expiry")).to_have_value(shown)


def test_the_keyboard_is_enough(page: Page, posts: list) -> None:
    page.goto("/checkout")
    card_in(page).get_by_label("Card number").focus()
    page.keyboard.type("378282246310005")
    page.keyboard.press("Tab")
    page.keyboard.type("0131")
    page.keyboard.press("Tab")
    page.keyboard.type("1234")
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_have_text("paid with American Express ending 0005")
    card, month, year = read_alias(posts[0]["instrument"]) or (None, 0, 0)
    assert card and (card.slug, month, year) == ("amex", 1, 2031)


def test_a_double_click_sends_once(page: Page, posts: list) -> None:
    page.goto("/checkout")
    type_card(page, "4242424242424242")
    page.get_by_role("button", name="Pay €123.45").dblclick()
    expect(page.locator("#result")).to_contain_text("paid")
    assert len(posts) == 1


def test_another_button_may_leave_the_card_out(page: Page, posts: list) -> None:
    page.goto("/checkout")
    type_card(page, "4242424242424242")
    page.get_by_role("button", name="Pay later").click()
    expect(page.locator("#result")).to_have_text("paid with nothing")
    assert (posts[0]["instrument"], posts[0]["later"]) == ("", "yes")


def test_messages_from_anywhere_else_are_ignored(page: Page, posts: list) -> None:
    page.goto("/checkout")
    expect(card_in(page).get_by_label("Card number")).to_be_visible()
    page.evaluate("postMessage({cardField: 'token', alias: 'sbx_card_visa_1230', brand: 'Visa', last4: '4242'}, '*')")
    page.evaluate("new Promise(resolve => setTimeout(resolve, 100))")
    assert page.locator("[name=instrument]").input_value() == ""
    assert posts == []


def test_the_frame_may_connect_to_nothing(page: Page) -> None:
    page.goto("/checkout")
    expect(card_in(page).get_by_label("Card number")).to_be_visible()
    frame = page.frames[1]
    assert frame.evaluate("self.origin") == "null"
    assert frame.evaluate("fetch('/health').then(() => 'sent', () => 'refused')") == "refused"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_frame_wears_the_pages_look(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto("/checkout")
    expect(card_in(page).locator("html")).to_have_attribute("data-look", scheme)
    page.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
    expect(card_in(page).locator("html")).not_to_have_attribute("data-look", scheme)


def test_a_field_that_does_not_load_says_so(page: Page, posts: list) -> None:
    page.route("**/sandbox/card-field*", lambda route: route.abort())
    page.goto("/checkout")
    page.get_by_role("button", name="Pay €123.45").click()
    expect(page.get_by_role("alert")).to_contain_text("The card field did not load.")
    assert posts == []
