"""The order page in a salesperson's browser: wide and narrow, light and dark, with and without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import time
from typing import Any

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, Page, expect

from app import jobs
from app.access import Role
from app.commands.orders import approvals, order_papers, signing
from app.commands.payments import charges, collection
from app.commands.payments.charges import Instrument
from app.db import db
from app.models import Attempt, SalesOrder, User
from tests import factories
from tests.browser.looking import Console, walk
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def dana(app: Flask) -> User:
    return factories.user(Role.SALES_MANAGER, name="Dana Reyes", email="dana@brightwater.test")


@pytest.fixture
def order(dana: User) -> SalesOrder:
    return factories.order(owner=dana, deposit_percent="10")


@contextmanager
def visit(app: Flask, browser: Browser, address: str, user: User, **options: Any) -> Iterator[Page]:
    """A browser signed in as `user`; whatever its console says fails the test."""
    with browser.new_context(base_url=address, bypass_csp=options.pop("bypass_csp", False), **options) as context:
        session = {"_user_id": user.get_id(), "_fresh": True, "began": int(time()), "seen": int(time())}
        serializer = SecureCookieSessionInterface().get_signing_serializer(app)
        assert serializer is not None
        name = app.config["SESSION_COOKIE_NAME"]
        context.add_cookies([{"name": name, "value": serializer.dumps(session), "url": address}])
        page = context.new_page()
        page.set_default_timeout(20_000)
        console = Console(page)
        yield page
        assert console.lines == []


def pay(order: SalesOrder, by: User, slug: str) -> Attempt:
    first = collection.prepare_first(order.id, by=by)
    pay_with = Instrument(alias=f"sbx_card_{slug}_1229", label="Visa ending 4242", save=True, consent_text="Ok.")
    return collection.collect(first.id, pay_with=pay_with, form_key=f"{order.id}-{slug}", by=by)


def orders_in_every_shape(dana: User) -> list[str]:
    """Draft with a gap and many lines, with the customer, declined, paid with everything that follows."""
    many = [factories.line(n) for n in range(1, 8)] + [factories.licence(8)]
    long = factories.order(owner=dana, lines=many, opportunity_id=None)
    order_papers.add_note(long.id, "Ring first.\nGate 2.", visible=True, by=dana)
    order_papers.add_file(long.id, "Floor plan.png", PNG, visible=False, by=dana)
    waiting = factories.order(owner=dana, deposit_percent="10")
    approval = approvals.submit(waiting.id, by=dana)
    jobs.run_due()
    signing.mark_viewed(approval.id)
    declined, paid = factories.order(owner=dana), factories.order(owner=dana, deposit_percent="10")
    pay(declined, dana, "insufficient-funds")
    pay(paid, dana, "visa")
    jobs.run_due()
    return [long.number, waiting.number, declined.number, paid.number]


def test_every_shape_is_accessible_and_fits(
    app: Flask,
    browser: Browser,
    live_server: str,  # noqa: F811
    dana: User,
) -> None:
    numbers = orders_in_every_shape(dana)
    paths = [f"/orders/{number}" for number in numbers]
    paths += [f"/orders/{numbers[0]}/{part}" for part in ("lines/edit", "terms/edit", "summary/edit", "approval/new")]
    paths += [f"/orders/{numbers[1]}/{part}" for part in ("draft", "cancellation", "approval/reminder")]
    paths += [f"/orders/{numbers[3]}/termination"]
    paths += ["/orders/", "/orders/?status=completed", "/search?q=northfield", "/search?q=nothing"]
    with visit(app, browser, live_server, dana, bypass_csp=True) as page:
        walk(page, paths)


def test_a_draft_is_edited_in_place(
    app: Flask,
    browser: Browser,
    live_server: str,  # noqa: F811
    dana: User,
    order: SalesOrder,
) -> None:
    with visit(app, browser, live_server, dana) as page:
        page.goto(f"/orders/{order.number}")
        page.locator("#edit-lines").click()
        quantity = page.locator("#panel-lines").get_by_label("Quantity").first
        quantity.fill("many")
        page.get_by_role("button", name="Save lines").click()
        expect(page.get_by_text("This is no number.").first).to_be_visible()
        expect(quantity).to_have_value("many")
        quantity.fill("3")
        page.get_by_role("button", name="Add a line").click()
        expect(page.locator("#panel-lines [data-line]")).to_have_count(4)
        page.locator("#panel-lines [data-line-remove]").last.click()
        page.get_by_role("button", name="Save lines").click()
        expect(page.locator("#panel-lines .grand .money")).to_have_text("€648.55")
        expect(page.locator("#order-head .page-figure .money").first).to_have_text("€648.55")
        expect(page.locator("#panel-timeline")).to_contain_text("edited the lines")
        expect(page.locator("#toasts")).to_contain_text("Lines saved")
        assert page.url.endswith(f"/orders/{order.number}")


def test_who_saves_second_sees_both_versions(
    app: Flask,
    browser: Browser,
    live_server: str,  # noqa: F811
    dana: User,
    order: SalesOrder,
) -> None:
    with visit(app, browser, live_server, dana) as page:
        page.goto(f"/orders/{order.number}")
        page.locator("#edit-lines").click()
        quantity = page.locator("#panel-lines").get_by_label("Quantity").first
        quantity.fill("7")
        other = page.context.new_page()
        other.goto(f"/orders/{order.number}/lines/edit")
        other.get_by_label("Quantity").first.fill("5")
        other.get_by_role("button", name="Save lines").click()
        expect(other.locator("#panel-lines .grand .money")).to_be_visible()
        page.get_by_role("button", name="Save lines").click()
        expect(page.get_by_text("Somebody saved this before you.")).to_be_visible()
        expect(page.locator(".versus")).to_contain_text("7 × €100.00")
        expect(page.locator(".versus")).to_contain_text("5 × €100.00")
        page.get_by_role("button", name="Save lines").click()
        expect(page.locator("#panel-lines tbody tr").first).to_contain_text("7")


def test_notes_and_files_join_the_timeline_where_one_stands(
    app: Flask,
    browser: Browser,
    live_server: str,  # noqa: F811
    dana: User,
    order: SalesOrder,
) -> None:
    with visit(app, browser, live_server, dana) as page:
        page.goto(f"/orders/{order.number}")
        page.locator("#add-note").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Note").fill("Ring before delivery.")
        dialog.get_by_label("Visible to the customer").check()
        dialog.get_by_role("button", name="Add note").click()
        expect(page.locator("#panel-timeline")).to_contain_text("Ring before delivery.")
        expect(dialog).to_be_hidden()
        page.locator("#add-file").click()
        bad = {"name": "setup.exe", "mimeType": "application/pdf", "buffer": b"MZ\x90\x00" + b"\0" * 60}
        dialog.locator("input[type=file]").set_input_files(files=[bad])  # type: ignore[list-item]
        dialog.get_by_role("button", name="Upload").click()
        expect(dialog).to_contain_text("Files of this kind are not accepted.")
        good = {"name": "plan.png", "mimeType": "image/png", "buffer": PNG}
        dialog.locator("input[type=file]").set_input_files(files=[good])  # type: ignore[list-item]
        dialog.get_by_role("button", name="Upload").click()
        expect(page.locator("#panel-timeline")).to_contain_text("plan.png")
        page.locator("#panel-timeline").get_by_role("link", name="Files").click()
        expect(page.locator("#panel-timeline")).not_to_contain_text("Ring before delivery.")
        with page.expect_download() as download:
            page.get_by_role("link", name="plan.png").click()
        assert download.value.suggested_filename == "plan.png"


def test_it_is_sent_and_taken_back_without_leaving_the_page(
    app: Flask,
    browser: Browser,
    live_server: str,  # noqa: F811
    dana: User,
    order: SalesOrder,
) -> None:
    with visit(app, browser, live_server, dana, viewport={"width": 390, "height": 844}) as page:
        page.goto(f"/orders/{order.number}")
        page.get_by_role("link", name="Send for approval").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("€41.06")
        dialog.get_by_role("button", name="Send for approval").click()
        expect(page.locator("#order-next")).to_contain_text("The approval mail is being prepared.")
        expect(page.locator("#order-head")).to_contain_text("Awaiting approval")
        expect(dialog).to_be_hidden()
        db.session.rollback()  # this thread's view of the database is from before
        jobs.run_due()
        expect(page.locator("#panel-summary")).to_contain_text("just now", timeout=10000)
        page.get_by_role("link", name="Convert to draft").click()
        dialog.get_by_role("button", name="Convert to draft").click()
        expect(dialog).to_contain_text("Say why.")
        dialog.get_by_label("Reason").fill("Two more terminals")
        dialog.get_by_role("button", name="Convert to draft").click()
        expect(page.locator("#order-next")).to_contain_text("Ready to send")
        expect(page.locator("#panel-timeline")).to_contain_text("Two more terminals")


def test_a_pending_payment_updates_the_page_and_then_it_rests(
    app: Flask,
    browser: Browser,
    live_server: str,  # noqa: F811
    dana: User,
    order: SalesOrder,
) -> None:
    attempt = pay(order, dana, "confirm")
    asked: list[str] = []
    with visit(app, browser, live_server, dana) as page:
        page.on("request", lambda r: asked.append(r.url) if r.url.endswith(("/payment", "/summary")) else None)
        page.goto(f"/orders/{order.number}")
        expect(page.locator("#panel-payment")).to_contain_text("is confirming €41.06 with their bank")
        _confirm(app, attempt.id)
        expect(page.locator("#panel-payment")).to_contain_text("Receipt", timeout=12000)
        expect(page.locator("#panel-summary")).to_contain_text("Paid", timeout=12000)
        expect(page.locator("[data-refreshing]")).to_have_count(0)
        asked.clear()
        page.wait_for_timeout(5000)
        assert asked == []


def _confirm(app: Flask, attempt_id: int) -> None:
    """The cardholder says yes at the bank, and the gateway tells us."""
    from app.gateways.sandbox import processor

    with app.app_context():
        provider_id = db.session.get_one(Attempt, attempt_id).provider_id
        db.session.remove()
        processor.confirm("sandbox", str(provider_id), approved=True)
        charges.resume(attempt_id)
        jobs.run_due()


def test_everything_works_by_plain_posts(
    app: Flask,
    browser: Browser,
    live_server: str,  # noqa: F811
    dana: User,
    order: SalesOrder,
) -> None:
    with visit(app, browser, live_server, dana, java_script_enabled=False) as page:
        page.goto(f"/orders/{order.number}")
        page.locator("#edit-lines").click()
        page.get_by_label("Quantity").first.fill("2")
        page.get_by_role("button", name="Save lines").click()
        expect(page.locator("#panel-lines .grand .money")).to_have_text("€529.55")
        page.locator("#add-note").click()
        page.get_by_role("textbox", name="Note").fill("Without a script.")
        page.get_by_role("button", name="Add note").click()
        expect(page.locator("#panel-timeline")).to_contain_text("Without a script.")
        page.get_by_role("link", name="Send for approval").click()
        page.get_by_role("button", name="Send for approval").click()
        expect(page.locator("#order-next")).to_contain_text("The approval mail is being prepared.")
