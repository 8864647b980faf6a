"""`check`: what is missing or wrong with an account, in words, and nothing when it can be used."""

from __future__ import annotations

import dataclasses

import pytest
from flask import Flask
from msgspec.structs import replace

from app.gateways import registry
from app.gateways.stripe.health import EVENTS, _account_faults
from tests.gateways.stripe.bench import ACCOUNT, TRIES
from tests.gateways.stripe.fake import FakeStripe

OURS = "http://countersign.test/webhooks/stripe"


def endpoint(fake: FakeStripe, **changes: object) -> None:
    """In the place of the one that the bench has set up."""
    (known,) = fake._all("we_")
    known.update({"url": OURS, "status": "enabled", "enabled_events": list(EVENTS)} | changes)


def test_an_account_that_can_be_used_has_nothing_to_say(fake: FakeStripe) -> None:
    endpoint(fake)
    assert registry.for_account(ACCOUNT).check() == []


def test_everything_that_is_missing_is_named_at_once(app: Flask) -> None:
    app.config["STRIPE"] = {}
    assert registry.for_account(replace(ACCOUNT, key="stripe-eu")).check() == [
        "COUNTERSIGN_STRIPE_EU_SECRET_KEY is not set.",
        "COUNTERSIGN_STRIPE_EU_PUBLISHABLE_KEY is not set.",
        "COUNTERSIGN_STRIPE_EU_WEBHOOK_SECRET is not set: nothing that Stripe tells by itself can be believed.",
    ]


def test_a_signing_secret_that_is_none(app: Flask, fake: FakeStripe) -> None:
    endpoint(fake)
    app.config["STRIPE"] = app.config["STRIPE"] | {"WEBHOOK_SECRET": "we_123"}
    (fault,) = registry.for_account(ACCOUNT).check()
    assert fault.endswith("holds something that is no signing secret; those begin with whsec_.")


def test_an_endpoint_that_is_not_there_is_off_or_leaves_things_out(fake: FakeStripe) -> None:
    gateway = registry.for_account(ACCOUNT)
    endpoint(fake, url="https://elsewhere.example")
    assert gateway.check() == [
        f"Stripe has no webhook endpoint with the address {OURS}; it will tell nothing by itself."
    ]
    endpoint(fake, status="disabled", enabled_events=["payout.paid"])
    off, left_out = gateway.check()
    assert off == f"The webhook endpoint {OURS} is switched off at Stripe."
    assert "does not send: charge.dispute.closed, " in left_out and "payout.paid" not in left_out


def test_an_endpoint_that_sends_everything(fake: FakeStripe) -> None:
    endpoint(fake, enabled_events=["*"])
    assert registry.for_account(ACCOUNT).check() == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "Stripe does not accept COUNTERSIGN_STRIPE_SECRET_KEY."),
        (403, "COUNTERSIGN_STRIPE_SECRET_KEY may not read the account"),
        (429, "Stripe was asked too often"),
        (500, "Stripe could not say"),
    ],
)
def test_what_stripe_answers_is_put_in_words(fake: FakeStripe, status: int, said: str) -> None:
    endpoint(fake)
    fake.fail(status, {"type": "invalid_request_error", "message": "sk_test_1234567890"}, times=TRIES)
    (fault,) = registry.for_account(ACCOUNT).check()
    assert fault.startswith(said) and "sk_test" not in fault


def test_nobody_there_is_put_in_words(fake: FakeStripe) -> None:
    fake.lose_request(TRIES)
    assert registry.for_account(ACCOUNT).check() == ["Stripe did not answer."]


def test_a_live_account_that_may_not_charge_says_so(app: Flask, fake: FakeStripe) -> None:
    gateway = registry.for_account(ACCOUNT)
    live = dataclasses.replace(gateway._keys, mode="live")  # type: ignore[attr-defined]
    fake.things["acct"] = {"id": "acct_1", "object": "account", "charges_enabled": False, "payouts_enabled": False}
    charges, payouts = _account_faults(gateway._client(), live)  # type: ignore[attr-defined]
    assert "charge cards" in charges and "pay out" in payouts
