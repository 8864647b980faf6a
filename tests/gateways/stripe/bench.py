"""The Stripe adapter on a bench: over the small fake of ours, served by pytest-httpserver on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import stripe
from flask import Flask
from pytest_httpserver import HTTPServer

from app.gateways import registry
from app.gateways.base import GatewayAccount
from app.gateways.stripe import client
from tests.gateways.bench import Bench
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
        lose_answer=lambda: fake.lose_answer(TRIES),
        lose_request=lambda: fake.lose_request(TRIES),
    )
