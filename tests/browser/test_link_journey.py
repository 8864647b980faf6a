"""A payment link's whole life: passed on, tried too often, extended, rotated, revoked, asked for anew."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from app import clock
from app.commands.payments import payment_links
from app.db import transaction
from app.models import PaymentIntent, PaymentOrder, User
from tests import factories
from tests.browser.checkout import type_card
from tests.browser.looking import look
from tests.browser.test_collect_journey import NO_FUNDS, VISA, Visit, dana, deliver, due, opened  # noqa: F401  (fixtures)
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}


def open_mail(phone: Page, *, nth: int = 0) -> None:
    """The newest request to pay in the customer's mailbox, or an older one."""
    phone.goto("/mailbox/")
    phone.get_by_role("link", name="Please pay €100.00").nth(nth).click()
    phone.frame_locator("iframe").get_by_role("link", name="Pay €100.00").click()


def act(page: Page, number: str, name: str, says: str, **filled: str) -> None:
    """One of the link's actions on the payment order's page, in its dialog, whose button `says` it."""
    page.goto(f"/payments/{number}")
    page.locator("#checkouts").get_by_role("link", name=name).click()
    dialog = page.get_by_role("dialog")
    for label, value in filled.items():
        dialog.get_by_label(label.replace("_", " ")).fill(value)
    dialog.get_by_role("button", name=says).click()


def test_passed_on_tried_too_often_and_given_more_tries(
    opened: Visit,  # noqa: F811
    due: PaymentOrder,  # noqa: F811
    dana: User,  # noqa: F811
) -> None:
    number = due.number
    payment_links.send(due.id, form_key="k", by=dana)
    with transaction() as session:
        session.query(PaymentIntent).filter_by(payment_order_id=due.id).one().attempt_limit = 1
    deliver()
    phone, boss, page = opened(viewport=PHONE, bypass_csp=True), opened(viewport=PHONE), opened(dana)
    open_mail(phone)
    phone.get_by_role("link", name="Someone else pays?").click()
    phone.get_by_label("Their name").fill("The Boss")
    phone.get_by_label("Their email").fill("boss@northfield.test")
    look(phone)
    phone.get_by_role("button", name="Send the link").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("The payment link is on its way.")
    deliver()

    open_mail(boss)
    type_card(boss, NO_FUNDS)
    boss.get_by_label("Name on card").fill("The Boss")
    boss.get_by_label("Receipt to").fill("boss@northfield.test")
    boss.get_by_role("button", name="Pay €100.00").click()
    expect(boss.get_by_role("button", name="Pay €100.00")).to_have_count(0)

    act(page, number, "Grant more tries", "Grant more tries")
    expect(page.locator(".toast")).to_contain_text("The customer can try again")
    boss.reload()
    type_card(boss, VISA)
    boss.get_by_label("Name on card").fill("The Boss")
    boss.get_by_label("Receipt to").fill("boss@northfield.test")
    boss.get_by_role("button", name="Pay €100.00").click()
    expect(boss.get_by_role("heading", level=1)).to_have_text("Paid. Nothing more to pay.")
    phone.get_by_role("link", name="Back to the payment").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Paid. Nothing more to pay.")


def test_extended_rotated_and_asked_for_anew(
    opened: Visit,  # noqa: F811
    due: PaymentOrder,  # noqa: F811
    dana: User,  # noqa: F811
) -> None:
    number = due.number
    payment_links.send(due.id, form_key="k", by=dana)
    deliver()
    phone, page = opened(viewport=PHONE, bypass_csp=True), opened(dana)
    open_mail(phone)
    later = clock.today(factories.ZONE) + timedelta(days=40)
    act(page, number, "Extend", "Extend the link", Lives_until=later.isoformat())
    expect(page.locator(".toast")).to_contain_text("The link lives longer now")
    phone.reload()
    expect(phone.get_by_role("button", name="Pay €100.00")).to_be_visible()

    act(page, number, "Rotate", "Rotate the link", Reason="It went to the wrong person")
    expect(page.get_by_role("heading", level=1)).to_have_text("Send the payment link again")
    phone.reload()
    expect(phone.get_by_role("heading", level=1)).to_have_text("There is a newer version of this.")
    look(phone)
    page.get_by_role("button", name="Send").last.click()
    expect(page.locator(".toast")).to_contain_text("Payment link on its way")
    deliver()
    open_mail(phone)
    expect(phone.get_by_role("button", name="Pay €100.00")).to_be_visible()

    act(page, number, "Revoke", "Revoke the link", Reason="The amount was wrong")
    expect(page.locator(".toast")).to_contain_text("The link is revoked")
    phone.reload()
    expect(phone.get_by_role("heading", level=1)).to_have_text("This link was withdrawn by the sender.")
    phone.get_by_role("button", name="Ask for a new link").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("We have passed it on.")
