"""The customer's journey in a real browser: from the mailed link to the receipt, and every way it can go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import func, select

from app import jobs
from app.access import Role
from app.commands.orders import approvals
from app.commands.payments import charges
from app.db import db
from app.gateways.sandbox.cards import BY_SLUG
from app.models import Approval, Attempt, OrderEmail, SalesOrder, Signature, Transaction
from app.states.order import OrderStatus
from tests import factories
from tests.blueprints.public.customer import address
from tests.browser.checkout import card_in, draw, type_card
from tests.browser.looking import Console, fits, look, violations
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
VISA = "4242424242424242"
NO_FUNDS = "4000000000009995"
CONFIRM = "4000002760003184"
CONFIRM_IN_PAGE = "4000000000003220"

Open = Callable[..., BrowserContext]


@pytest.fixture
def approval(app: Flask) -> Approval:
    """An order with a monthly licence, just sent to its customer."""
    app.config["WTF_CSRF_ENABLED"] = True
    order = factories.order(owner=factories.user(Role.SALESPERSON), deposit_percent="10")
    approval = approvals.submit(order.id, message="As agreed on the phone.", by=order.owner)
    jobs.run_due(raising=True)
    return approval


@pytest.fixture
def opened(browser: Browser, live_server: str) -> Iterator[Open]:  # noqa: F811
    """Opens browser contexts of a customer; each has cookies of its own."""
    with ExitStack() as stack:

        def open(**options: Any) -> BrowserContext:
            facts = {"base_url": live_server, "viewport": PHONE, "bypass_csp": False} | options
            context = stack.enter_context(browser.new_context(**facts))
            context.set_default_timeout(20_000)
            return context

        yield open


def link_of(approval: Approval) -> str:
    return address("approve", approval.public_id)


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def status_of(approval: Approval) -> OrderStatus:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(SalesOrder, approval.order_id).status


def sign(page: Page, *, drawn: bool) -> None:
    if drawn:
        draw(page)
    else:
        page.get_by_text("Type", exact=True).click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Sign and continue to payment").click()
    expect(page.get_by_text("Signed.", exact=True)).to_be_visible()


def pay(page: Page, number: str = VISA) -> None:
    """The box by key: right after a scroll, Chromium still sends clicks to where the framed card field was."""
    type_card(page, number)
    page.get_by_role("checkbox").press("Space")
    page.get_by_role("button", name="Pay €").click()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_from_the_mail_to_the_receipt(approval: Approval, opened: Open, size: dict[str, int]) -> None:
    page = opened(viewport=size).new_page()
    console = Console(page)
    page.goto("/mailbox/")
    page.get_by_role("link", name="is ready to sign").click()
    page.frame_locator("iframe").get_by_role("link", name="sign").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Maria, your order for €410.55 is ready to sign.")
    expect(page.get_by_text("As agreed on the phone.")).to_be_visible()
    expect(page.get_by_role("link", name="Read the full order")).to_be_visible()
    sign(page, drawn=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("€41.06")
    pay(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")
    expect(page.get_by_text("Visa ending 4242").first).to_be_visible()
    assert fits(page)
    assert console.lines == []
    assert status_of(approval) is OrderStatus.ACTIVATED
    row = db.session.scalars(select(Signature)).one()
    assert row.typed is None and row.drawn_png
    jobs.run_due(raising=True)
    page.reload()
    for paper in ("Receipt", "Invoice", "Signed order"):
        expect(page.get_by_role("link", name=paper)).to_be_visible()
    mail = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "receipt")).one()
    assert mail.recipients[0]["address"] == approval.sent_to and len(mail.attachments) == 2


def test_signing_works_without_javascript(approval: Approval, opened: Open) -> None:
    page = opened(java_script_enabled=False).new_page()
    page.goto(link_of(approval))
    expect(page.locator("canvas")).to_be_hidden()
    page.get_by_role("button", name="Sign and continue to payment").click()
    expect(page.get_by_text("Tick the box to accept the order.").first).to_be_visible()
    page.get_by_label("Title").fill("Head of operations")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Sign and continue to payment").click()
    expect(page.get_by_text("Signed.", exact=True)).to_be_visible()
    expect(page.get_by_text("Entering a card needs JavaScript")).to_be_visible()
    row = db.session.scalars(select(Signature)).one()
    assert (row.typed, row.title) == ("Maria Keller", "Head of operations")


def test_a_declined_card_then_another_one(approval: Approval, opened: Open) -> None:
    page = opened().new_page()
    console = Console(page)
    page.goto(link_of(approval))
    sign(page, drawn=False)
    pay(page, NO_FUNDS)
    expect(page.get_by_text("Your bank declined this card: not enough funds.", exact=True)).to_be_visible()
    assert status_of(approval) is OrderStatus.DECLINED
    pay(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")
    assert console.lines == []


def test_the_bank_asks_first(approval: Approval, opened: Open) -> None:
    page = opened().new_page()
    console = Console(page)
    page.goto(link_of(approval))
    sign(page, drawn=False)
    pay(page, CONFIRM)
    page.get_by_role("button", name="Confirm payment").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")
    assert console.lines == []


def test_the_bank_asks_in_the_page_and_another_card_is_taken(approval: Approval, opened: Open) -> None:
    page = opened().new_page()
    console = Console(page)
    page.goto(link_of(approval))
    sign(page, drawn=False)
    pay(page, CONFIRM_IN_PAGE)
    expect(page.get_by_text("Your bank wants you to confirm this payment.")).to_be_visible()
    expect(page.frame_locator(".challenge-frame").get_by_role("button", name="Confirm payment")).to_be_visible()
    page.reload()
    page.get_by_text("Pay with another card instead").click()
    pay(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")
    assert count(Transaction) == 1
    assert console.lines == []


def test_pay_pressed_twice_and_the_back_button(approval: Approval, opened: Open) -> None:
    page = opened().new_page()
    page.goto(link_of(approval))
    sign(page, drawn=False)
    type_card(page, VISA)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Pay €").dblclick()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")
    assert count(Transaction) == 1


def test_two_tabs_pay_once_and_both_tell_the_truth(approval: Approval, opened: Open) -> None:
    context = opened()
    first, second = context.new_page(), context.new_page()
    first.goto(link_of(approval))
    sign(first, drawn=False)
    second.goto(link_of(approval))
    type_card(second, VISA)
    second.get_by_role("checkbox").check()
    pay(first)
    expect(first.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")
    second.get_by_role("button", name="Pay €").click()
    expect(second.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")
    assert count(Transaction) == 1


def test_a_payment_in_doubt_resolves_on_the_page_by_itself(approval: Approval, opened: Open) -> None:
    page = opened(bypass_csp=True).new_page()
    console = Console(page)
    page.goto(link_of(approval))
    sign(page, drawn=False)
    pay(page, BY_SLUG["lost-answer"].number)
    expect(page.get_by_role("heading", level=1)).to_contain_text("is being confirmed.")
    assert violations(page) == []
    charges.ask(db.session.scalars(select(Attempt.id)).one())
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")
    assert count(Transaction) == 1
    assert console.lines == []


def test_somebody_else_pays_with_a_link_of_their_own(approval: Approval, opened: Open) -> None:
    page = opened(bypass_csp=True).new_page()
    page.goto(link_of(approval))
    sign(page, drawn=False)
    page.get_by_role("link", name="Someone else pays?").click()
    page.get_by_label("Their name").fill("The Boss")
    page.get_by_label("Their email").fill("boss@northfield.test")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The payment link is on its way.")
    jobs.run_due(raising=True)
    boss = opened(bypass_csp=True, color_scheme="dark").new_page()
    boss.goto("/mailbox/")
    boss.get_by_role("link", name="Please pay").click()
    boss.frame_locator("iframe").get_by_role("link", name="pay").first.click()
    expect(boss.get_by_role("heading", level=1)).to_have_text("€41.06")
    assert violations(boss) == []
    boss.get_by_label("Name on card").fill("The Boss")
    boss.get_by_label("Receipt to").fill("boss@northfield.test")
    pay(boss)
    expect(boss.get_by_role("heading", level=1)).to_have_text("Paid. Nothing more to pay.")
    assert violations(boss) == []
    page.get_by_role("link", name="Back to the order").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")


def test_being_looked_at_for_three_seconds_is_noticed(approval: Approval, opened: Open) -> None:
    page = opened().new_page()
    with page.expect_response(lambda r: r.url.endswith("/viewed")) as noticed:
        page.goto(link_of(approval))
    assert noticed.value.status == 204
    db.session.rollback()
    db.session.expire_all()
    assert db.session.get_one(Approval, approval.id).viewed_at is not None


def test_asking_for_a_change_and_coming_back(approval: Approval, opened: Open) -> None:
    page = opened().new_page()
    page.goto(link_of(approval))
    page.get_by_role("link", name="Ask for a change").click()
    page.get_by_label("Your message").fill("Two terminals, please")
    page.get_by_role("button", name="Ask for this change").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You asked for a change.")
    assert status_of(approval) is OrderStatus.DRAFT


def test_an_empty_box_is_no_signature(approval: Approval, opened: Open) -> None:
    page = opened().new_page()
    page.goto(link_of(approval))
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Sign and continue to payment").click()
    expect(page.get_by_text("Please sign in the box, or choose to type your name.")).to_be_visible()
    assert count(Signature) == 0


def test_every_step_is_accessible_and_fits(approval: Approval, opened: Open) -> None:
    page = opened(bypass_csp=True).new_page()
    link = link_of(approval)
    page.goto(link)
    page.get_by_text("Terms, addresses and conditions").click()
    look(page)
    for action in ("/decline", "/request-change"):
        page.goto(link + action)
        look(page)
    page.goto(link)
    sign(page, drawn=True)
    expect(card_in(page).get_by_label("Card number")).to_be_visible()
    look(page)
    page.goto(f"{link}/forward")
    look(page)
    page.goto(f"{link}/pay")
    pay(page, NO_FUNDS)
    expect(page.get_by_text("Your bank declined this card")).to_be_visible()
    look(page)
    pay(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")
    look(page)
    page.goto("/approve/nothing")
    look(page)
