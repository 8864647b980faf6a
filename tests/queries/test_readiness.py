"""The readiness check: each item passes, warns or blocks, and says why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import settings
from app.commands.quotes import quotes
from app.commands.quotes.quote_content import InstalmentContent
from app.db import db, transaction
from app.models import (
    Account,
    CollectionMethod,
    Due,
    Gateway,
    GatewayState,
    PaymentMethod,
    Quote,
    Setting,
    Token,
)
from app.queries.quotes import readiness
from tests import factories
from tests.commands import quoting


def verdicts(quote: Quote) -> dict[str, str]:
    return {item.key: item.verdict for item in readiness.of(quote).items}


def draft(customer: Account | None = None, **changes: Any) -> Quote:
    return quotes.create(quoting.content(customer, **changes), by=quoting.people()[0])


def test_a_sound_quote_passes(app: Flask) -> None:
    quote = draft()
    assert set(verdicts(quote).values()) == {"pass"}
    assert readiness.of(quote).item("method").reason == "The customer will be asked."


@pytest.mark.parametrize("state", [GatewayState.DEPRECATED, GatewayState.REMOVED, GatewayState.UNAVAILABLE])
def test_no_active_route_blocks(app: Flask, state: GatewayState) -> None:
    quote = draft()
    with transaction() as session:
        session.scalars(select(Gateway)).one().status = state
    assert verdicts(quote)["route"] == "block"


def test_a_currency_that_no_route_takes_blocks(app: Flask) -> None:
    quote = draft(currency="CHF")
    assert [item.key for item in readiness.of(quote).blocking] == ["route"]


def test_a_plan_that_misses_the_total_blocks(app: Flask) -> None:
    quote = draft(instalments=(InstalmentContent(amount=100),))
    assert verdicts(quote)["plan"] == "block"
    assert verdicts(draft(instalments=()))["plan"] == "block"


@pytest.mark.parametrize(("percent", "verdict"), [("5", "block"), ("10", "pass"), ("50", "pass"), ("60", "block")])
def test_the_deposit_keeps_within_its_limits(app: Flask, percent: str, verdict: str) -> None:
    first = Decimal(percent)
    plan = (InstalmentContent(percent=first), InstalmentContent(percent=100 - first, due=Due.DELIVERY))
    quote = draft(instalments=plan)
    with transaction() as session:
        session.add(Setting(key=settings.DEPOSIT_MIN_PERCENT.key, value=10))
        session.add(Setting(key=settings.DEPOSIT_MAX_PERCENT.key, value=50))
    settings.forget()
    assert verdicts(quote)["deposit"] == verdict


def test_paying_everything_at_signature_is_no_deposit(app: Flask) -> None:
    quote = draft(instalments=(InstalmentContent(percent=Decimal(100)),))
    with transaction() as session:
        session.add(Setting(key=settings.DEPOSIT_MAX_PERCENT.key, value=50))
    settings.forget()
    assert verdicts(quote)["deposit"] == "pass"


def card(customer: Account, **facts: Any) -> None:
    with transaction() as session:
        method = PaymentMethod(
            **(
                {
                    "account_id": customer.id,
                    "brand": "Visa",
                    "last4": "4242",
                    "exp_month": 12,
                    "exp_year": 2027,
                    "consent_text": "x",
                    "consent_by": "x",
                    "consent_how": "x",
                }
                | facts
            )
        )
        gateway = session.scalars(select(Gateway)).one()
        method.tokens = [Token(gateway_id=gateway.id, token="tok_1")]
        session.add(method)


SAVED = (InstalmentContent(percent=Decimal(100), collection=CollectionMethod.SAVED_METHOD),)


@time_machine.travel("2026-11-21T10:00:00Z", tick=False)
def test_a_saved_card_on_the_route_is_ready(app: Flask) -> None:
    customer = factories.account()
    quote = draft(customer, instalments=SAVED)
    assert verdicts(quote)["method"] == "warn"
    card(customer)
    assert readiness.of(quote).item("method").reason == "Visa ending 4242 is ready on this route."


@time_machine.travel("2026-11-21T10:00:00Z", tick=False)
@pytest.mark.parametrize(
    "facts",
    [{"exp_year": 2026, "exp_month": 10}, {"detached_at": factories.clock.now()}],
    ids=["expired", "detached"],
)
def test_a_card_that_cannot_be_charged_is_not_ready(app: Flask, facts: dict[str, Any]) -> None:
    customer = factories.account()
    card(customer, **facts)
    assert verdicts(draft(customer, instalments=SAVED))["method"] == "warn"


def test_the_reason_of_a_card_that_is_not_ready_is_said(app: Flask) -> None:
    customer = factories.account()
    card(customer, exp_year=2026, exp_month=1)
    assert "This card expired in 01/2026." in readiness.of(draft(customer, instalments=SAVED)).item("method").reason


def test_missing_billing_details_and_holds_block(app: Flask) -> None:
    customer = factories.account()
    quote = draft(customer, billing_address_id=None)
    with transaction() as session:
        row = session.get_one(Account, customer.id)
        row.billing_contact_id = row.billing_address_id = None
        row.hold_reason = "Two invoices overdue"
    db.session.expire_all()
    found = readiness.of(db.session.get_one(Quote, quote.id))
    assert [item.key for item in found.blocking] == ["billing", "hold"]
    assert found.item("billing").reason.startswith("The account has no billing contact")
