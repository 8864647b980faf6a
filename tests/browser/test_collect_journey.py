"""Staff collecting in a real browser: a card the customer tells, a card on file, a link sent, opened, paid, revoked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select

from app import jobs
from app.access import Role
from app.commands.payments import charges, payment_links
from app.db import db
from app.models import Attempt, PaymentMethod, PaymentOrder, SalesOrder, Transaction, User
from tests import factories
from tests.blueprints.payments.conftest import alias, card_on_file, charged
from tests.browser.checkout import card_in, type_card
from tests.browser.looking import look
from tests.browser.test_office import hashed, visit
from tests.commands.collecting import booked, fresh
from tests.commands.collecting import request as request_payment
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser

VISA, NO_FUNDS = "4242424242424242", "4000000000009995"
CONFIRM, CONFIRM_IN_PAGE = "4000002760003184", "4000000000003220"

Visit = Callable[..., Page]


@pytest.fixture
def dana(app: Flask) -> User:
    app.config["WTF_CSRF_ENABLED"] = True
    return factories.user(Role.SALESPERSON, name="Dana Reyes", password_hash=hashed())


@pytest.fixture
def order(dana: User) -> SalesOrder:
    return factories.order(owner=dana, deposit_percent="10")


@pytest.fixture
def due(dana: User) -> PaymentOrder:
    """100.00 EUR requested on a booked order."""
    return request_payment(booked(dana, pay_with=alias("visa")), dana)


@pytest.fixture
def opened(browser: Browser, live_server: str) -> Iterator[Visit]:  # noqa: F811
    """Opens browsers of their own; every console has to stay empty to the end."""
    with ExitStack() as stack:
        yield lambda user=None, **options: stack.enter_context(visit(browser, live_server, user, **options))


def agree(page: Page, how: str = "On the phone") -> None:
    page.get_by_label("How did the customer agree?").select_option(how)


def press(page: Page, amount: str = "€41.06") -> None:
    page.get_by_role("button", name=f"Collect {amount}").click()


def status_of(order: SalesOrder) -> str:
    return str(fresh(order).status)


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def deliver() -> None:
    db.session.rollback()
    jobs.run_due(raising=False)


def test_a_card_the_customer_tells_is_charged_kept_and_charged_again(
    opened: Visit, order: SalesOrder, dana: User
) -> None:
    page = opened(dana)
    page.goto(f"/orders/{order.number}")
    page.locator("#panel-payment").get_by_role("link", name="Collect now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Collect €41.06")
    expect(page.get_by_text("The statement shows BRIGHTWATER.")).to_be_visible()
    type_card(page, VISA)
    page.get_by_label("Keep this card for later payments").check()
    agree(page)
    press(page)
    expect(page).to_have_url(re.compile(rf"/orders/{order.number}#panel-payment$"))
    expect(page.locator(".toast")).to_contain_text("€41.06 collected from Visa ending 4242")
    expect(page.locator("#panel-payment").get_by_text("Paid", exact=True).first).to_be_visible()
    assert status_of(order) == "activated"
    method = db.session.scalars(select(PaymentMethod)).one()
    assert "agreed on the phone" in method.consent_text

    page.get_by_role("link", name="Request a payment").first.click()
    page.get_by_label("What for").fill("Balance on delivery")
    page.get_by_label("How it is collected").select_option("Card on file")
    page.get_by_role("button", name="Create payment order").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Collect €369.49")
    expect(page.get_by_role("radio", name=re.compile("Visa ending 4242"))).to_be_checked()
    expect(page.locator(".card-field iframe")).to_be_hidden()
    agree(page, "In writing")
    press(page, "€369.49")
    expect(page.locator(".toast")).to_contain_text("€369.49 collected from Visa ending 4242")
    assert count(Transaction) == 2


def test_a_declined_card_then_another_one(opened: Visit, order: SalesOrder, dana: User) -> None:
    page = opened(dana)
    page.goto(f"/orders/{order.number}/collect")
    type_card(page, NO_FUNDS)
    agree(page)
    press(page)
    expect(page.get_by_role("alert").first).to_contain_text("Visa ending 9995 was declined: not enough funds.")
    expect(page.get_by_role("alert").first).to_contain_text("The same card may work in a few days.")
    assert status_of(order) == "declined"
    type_card(page, VISA)
    agree(page)
    press(page)
    expect(page.locator(".toast")).to_contain_text("collected from Visa ending 4242")
    assert status_of(order) == "activated"
    assert count(Transaction) == 1


def test_pressed_twice_and_the_back_button_charge_once(opened: Visit, order: SalesOrder, dana: User) -> None:
    page = opened(dana)
    page.goto(f"/orders/{order.number}/collect")
    type_card(page, VISA)
    agree(page)
    page.get_by_role("button", name="Collect €41.06").dblclick()
    expect(page.locator(".toast")).to_contain_text("collected from Visa ending 4242")
    page.go_back()
    expect(page.get_by_text("The first payment of").first).to_be_visible()
    assert (count(Attempt), count(Transaction)) == (1, 1)


@pytest.mark.parametrize("number", [CONFIRM, CONFIRM_IN_PAGE], ids=["on the bank's page", "in the page"])
def test_the_bank_asks_the_cardholder(opened: Visit, order: SalesOrder, dana: User, number: str) -> None:
    page = opened(dana)
    page.goto(f"/orders/{order.number}/collect")
    type_card(page, number)
    agree(page, "In person")
    press(page)
    expect(page.get_by_role("heading", name="The bank asks the cardholder to confirm")).to_be_visible()
    if number == CONFIRM:
        page.get_by_role("link", name="Go to the bank's question").click()
        page.get_by_role("button", name="Confirm payment").click()
    else:
        page.frame_locator(".challenge-frame").get_by_role("button", name="Confirm payment").click()
    expect(page).to_have_url(re.compile(rf"/orders/{order.number}#panel-payment$"))
    expect(page.locator(".toast")).to_contain_text("Paid")
    assert status_of(order) == "activated"


def test_a_link_is_sent_from_the_preflight_opened_from_the_mailbox_and_paid(
    opened: Visit, due: PaymentOrder, dana: User
) -> None:
    page = opened(dana)
    page.goto(f"/orders/{due.order.number}")
    page.get_by_role("link", name="Send payment link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send a payment link")
    expect(page.get_by_text("contact of the payment order")).to_be_visible()
    preview = page.frame_locator(".mail-frame")
    expect(preview.get_by_role("heading", name="here is your link to pay €100.00")).to_be_visible()
    page.get_by_role("button", name="Send payment link").click()
    expect(page.locator(".toast")).to_contain_text("Payment link on its way to maria")
    expect(page.locator("#panel-payment").get_by_text("Link: Live")).to_be_visible()
    deliver()

    phone = opened(viewport={"width": 390, "height": 844})
    phone.goto("/mailbox/")
    phone.get_by_role("link", name="Please pay €100.00").click()
    phone.frame_locator("iframe").get_by_role("link", name="Pay €100.00").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("€100.00")
    type_card(phone, VISA)
    phone.get_by_label("Name on card").fill("Maria Keller")
    phone.get_by_label("Receipt to").fill("maria@northfield.test")
    phone.get_by_role("button", name="Pay €100.00").click()
    expect(phone.get_by_text("Thank you").or_(phone.get_by_text("Nothing more to pay")).first).to_be_visible()

    page.goto(f"/payments/{due.number}")
    expect(page.get_by_text("€100.00 is paid.")).to_be_visible()
    expect(page.locator("#evidence").get_by_role("rowheader", name="Charge")).to_be_visible()
    expect(page.locator("#attempts").get_by_text("Maria Keller")).to_be_visible()


def test_a_revoked_link_says_so_and_the_order_page_changes_in_place(
    opened: Visit, due: PaymentOrder, dana: User
) -> None:
    payment_links.send(due.id, form_key="k", by=dana)
    deliver()
    phone = opened(viewport={"width": 390, "height": 844})
    phone.goto("/mailbox/")
    phone.get_by_role("link", name="Please pay €100.00").click()
    phone.frame_locator("iframe").get_by_role("link", name="Pay €100.00").click()
    expect(phone.get_by_role("button", name="Pay €100.00")).to_be_visible()

    page = opened(dana)
    page.goto(f"/orders/{due.order.number}")
    page.get_by_role("button", name=f"Actions for {due.number}").click()
    page.get_by_role("link", name="Revoke the link").click()
    dialog = page.get_by_role("dialog", name="Revoke the link for €100.00")
    dialog.get_by_role("button", name="Revoke the link").click()
    expect(dialog.get_by_text("Say why.").first).to_be_visible()
    dialog.get_by_label("Reason").fill("The amount was wrong")
    dialog.get_by_role("button", name="Revoke the link").click()
    expect(page.locator("#panel-payment").get_by_text("Link: Revoked")).to_be_visible()
    expect(page.locator("#panel-timeline").get_by_text("The amount was wrong")).to_be_visible()
    expect(page.locator(".toast")).to_contain_text("The link is revoked")
    expect(dialog).to_be_hidden()

    phone.reload()
    expect(phone.get_by_role("heading", level=1)).to_have_text("This link was withdrawn by the sender.")


def test_withdrawing_on_its_own_page_changes_it_in_place(opened: Visit, due: PaymentOrder, dana: User) -> None:
    page = opened(dana)
    page.goto(f"/payments/{due.number}")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("link", name="Withdraw").click()
    dialog = page.get_by_role("dialog", name=f"Withdraw {due.number} over €100.00")
    dialog.get_by_label("Reason").fill("They pay by wire")
    dialog.get_by_role("button", name="Withdraw the payment order").click()
    expect(page.get_by_text("This payment order is cancelled.")).to_be_visible()
    expect(page.locator("#history").get_by_text("They pay by wire")).to_be_visible()


def test_an_unclear_payment_refreshes_by_itself_until_it_is_known(opened: Visit, order: SalesOrder, dana: User) -> None:
    attempt = charged(order, dana, "lost-answer")
    page = opened(dana)
    page.goto(f"/payments/{attempt.payment_order.number}")
    expect(page.get_by_text("The gateway has not said yet what became of €41.06; it is asked again.")).to_be_visible()
    db.session.rollback()
    charges.ask(attempt.id)
    expect(page.get_by_text("€41.06 is paid.")).to_be_visible()


def test_without_scripts_a_card_on_file_is_charged_and_a_link_revoked(
    opened: Visit, order: SalesOrder, due: PaymentOrder, dana: User
) -> None:
    card_on_file(order, dana)
    payment_links.send(due.id, form_key="k", by=dana)
    page = opened(dana, java_script_enabled=False)
    page.goto(f"/orders/{order.number}/collect")
    page.get_by_role("radio", name=re.compile("New card")).check()
    expect(page.get_by_text("Entering a card needs JavaScript")).to_be_visible()
    page.get_by_role("radio", name=re.compile("Visa ending 4242")).check()
    agree(page)
    press(page)
    expect(page.get_by_text("€41.06 collected from Visa ending 4242")).to_be_visible()
    page.goto(f"/payments/{due.number}/link/revocation")
    page.get_by_label("Reason").fill("The amount was wrong")
    page.get_by_role("button", name="Revoke the link").click()
    expect(page.get_by_text("The link is revoked")).to_be_visible()


def test_the_keyboard_is_enough(opened: Visit, order: SalesOrder, dana: User) -> None:
    card_on_file(order, dana)
    page = opened(dana)
    page.goto(f"/orders/{order.number}/collect")
    page.get_by_role("radio", name=re.compile("Visa ending 4242")).focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("How did the customer agree?")).to_be_focused()
    page.keyboard.type("In p")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Collect €41.06")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("€41.06 collected")
    db.session.rollback()
    words = db.session.scalars(select(Attempt.consent_text).order_by(Attempt.id.desc())).first()
    assert words and "agreed in person" in words


def test_every_page_is_accessible_and_fits(opened: Visit, order: SalesOrder, due: PaymentOrder, dana: User) -> None:
    page = opened(dana, bypass_csp=True)
    for path in _paths(order, due, dana):
        page.goto(path)
        if page.locator(".card-field iframe").is_visible():
            expect(card_in(page).get_by_label("Card number")).to_be_visible()
        look(page)


def _paths(order: SalesOrder, due: PaymentOrder, dana: User) -> list[str]:
    """Every page of payments, in the states that look different."""

    def first(slug: str) -> Any:
        other = factories.order(owner=dana, deposit_percent="10", customer=order.account)
        return charged(other, dana, slug, key=slug, save=slug == "visa").payment_order

    paid, declined, asked, lost = (first(s) for s in ("visa", "insufficient-funds", "confirm", "lost-answer"))
    payment_links.send(due.id, form_key="k", by=dana)
    deliver()
    numbers = (paid.number, declined.number, asked.number, lost.number, due.number)
    return [
        "/payments/",
        "/payments/?status=paid&q=nothing",
        *(f"/payments/{number}" for number in numbers),
        *(f"/payments/{number}/collect" for number in numbers),
        f"/orders/{order.number}/collect",
        f"/orders/{due.order.number}/payment-orders/new",
        f"/payments/{due.number}/send-link",
        f"/payments/{paid.number}/send-link",
        f"/payments/{due.number}/link/revocation",
        f"/payments/{due.number}/link/mail",
        f"/payments/{due.number}/cancellation",
    ]
