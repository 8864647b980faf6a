"""Reversals, disputes and evidence in a real browser: accessible, within the screen, and with an empty console."""

from __future__ import annotations

from collections.abc import Iterator
from time import time

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, Page, expect

from app import jobs, settings
from app.access import Role
from app.commands.office.settings import turn
from app.commands.payments import disputes, evidence_packs
from app.db import db, end_read
from app.gateways.sandbox import disputes as sandbox
from app.models import PaymentOrder, Transaction, User
from tests import factories
from tests.browser.looking import walk
from tests.commands import moving
from tests.live import live_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.browser


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN, name="Ada Cole")


@pytest.fixture
def addresses(app: Flask, boss: User, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every page of this subject with something on it."""
    charge = moving.paid(boss)
    moving.refund(charge, 6000, boss)
    turn(settings.REFUND_SECOND_PERSON.key, True, by=boss)
    turn(settings.REFUND_LIMIT.key, 10_000, by=boss)
    moving.refund(charge, 12_000, factories.user(Role.AR, name="Bo Lind"))
    contested = moving.paid(boss)
    facts = sandbox.open_one("sandbox", contested.provider_id)
    row = disputes.hear(contested.gateway_id, facts.provider_id)
    assert row is not None
    number = row.number
    pack = evidence_packs.ask(db.session.get_one(PaymentOrder, contested.payment_order_id).order_id or 0, by=boss)
    public_id = pack.public_id
    end_read()
    for _ in range(3):
        jobs.run_due(raising=False)
    moving.capture_later()
    hold = moving.paid(boss)
    found = {
        "refunded": page_of(charge),
        "refund": f"{page_of(charge)}/transactions/{charge.id}/refund",
        "queue": "/payments/refunds",
        "contested": page_of(contested),
        "disputes": "/disputes/",
        "dispute": f"/disputes/{number}",
        "answer": f"/disputes/{number}/answer",
        "pack": f"/evidence-packs/{public_id}",
        "held": page_of(hold),
        "void": f"{page_of(hold)}/transactions/{hold.id}/void",
        "capture": f"{page_of(hold)}/transactions/{hold.id}/capture",
    }
    end_read()
    return found


def page_of(of: Transaction) -> str:
    return f"/payments/{db.session.get_one(PaymentOrder, of.payment_order_id).number}"


@pytest.fixture
def page(
    browser: Browser,
    app: Flask,
    boss: User,
    live_server: str,  # noqa: F811
) -> Iterator[Page]:
    with browser.new_context(base_url=live_server, bypass_csp=True) as context:
        session = {"_user_id": boss.get_id(), "_fresh": True, "began": int(time()), "seen": int(time())}
        serializer = SecureCookieSessionInterface().get_signing_serializer(app)
        assert serializer is not None
        name = app.config["SESSION_COOKIE_NAME"]
        context.add_cookies([{"name": name, "value": serializer.dumps(session), "url": live_server}])
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page


def test_every_page_is_accessible_and_fits(page: Page, addresses: dict[str, str]) -> None:
    walk(page, addresses.values())


def test_a_void_is_asked_in_a_dialog_and_shown_in_place(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses["held"])
    page.get_by_role("link", name="Void the authorization").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Void the authorization of €410.55")
    dialog.get_by_label("Reason").fill("Ordered twice")
    dialog.get_by_role("button", name="Void the authorization").click()
    expect(page.locator("#movements")).to_contain_text("Ordered twice")
    expect(page.locator("#payment-order")).to_contain_text("€410.55 is requested.")
