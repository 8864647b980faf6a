"""The Stripe adapter on a bench: over the small fake of ours, served by pytest-httpserver on loopback."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime

import pytest
import stripe
from flask import Flask
from pytest_httpserver import HTTPServer

from app.gateways import registry
from app.gateways.base import GatewayAccount
from app.gateways.stripe import client
from tests.gateways.bench import Bench, Signed
from tests.gateways.stripe.fake import FakeStripe

ACCOUNT = GatewayAccount("stripe", "stripe", "test", ("EUR", "JPY", "KWD", "ISK", "USD"))
SECRET, PUBLISHABLE, WEBHOOK = "sk_test_1234567890", "pk_test_1234567890", "whsec_1234567890"
TRIES = client.RETRIES + 1
CARDS = {"pays": "ctoken_pays", "declines": "ctoken_insufficient_funds", "confirms": "ctoken_confirm"}


def settings(base: str) -> dict[str, str]:
    return {"SECRET_KEY": SECRET, "PUBLISHABLE_KEY": PUBLISHABLE, "WEBHOOK_SECRET": WEBHOOK, "API_BASE": base}


@pytest.fixture
def fake(app: Flask, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStripe]:
    """Stripe as far as `app` can tell; its client does not wait between two tries."""
    found = FakeStripe()
    found._new(
        "we",
        "webhook_endpoint",
        url=f"{app.config['BASE_URL']}/webhooks/stripe",
        status="enabled",
        enabled_events=["*"],
    )
    httpserver.expect_request(re.compile(".*")).respond_with_handler(found)
    app.config["STRIPE"] = settings(httpserver.url_for(""))
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
    client._connected.cache_clear()
    yield found
    client._connected.cache_clear()


@pytest.fixture
def stripe_bench(fake: FakeStripe) -> Bench:
    return Bench(
        gateway=registry.for_account(ACCOUNT),
        instrument=CARDS.__getitem__,
        confirm=fake.confirm,
        lose_answer=lambda call="charge": fake.lose_answer(TRIES, call),
        lose_request=lambda call="charge": fake.lose_request(TRIES, call),
        hold_refund=lambda: setattr(fake, "next_refund", "pending"),
        break_refund=lambda: setattr(fake, "next_refund", "failed"),
        end_refund=fake.end_refund,
        dispute=fake.dispute,
        decide=fake.decide,
        pay_out=fake.pay_out,
        tell=tell,
    )


def tell(kind: str, provider_id: str, at: datetime) -> Signed:
    named = {"charge": "payment_intent"}.get(kind, kind)
    thing = {"object": named, "id": provider_id, "metadata": {"attempt": "a1"}}
    facts = {"id": "evt_1", "object": "event", "type": f"{named}.succeeded", "created": int(at.timestamp())}
    body = json.dumps(facts | {"livemode": False, "data": {"object": thing}})
    signature = stripe.WebhookSignature.generate_signature_header(body, WEBHOOK, timestamp=int(at.timestamp()))
    return body.encode(), {"Stripe-Signature": signature}
