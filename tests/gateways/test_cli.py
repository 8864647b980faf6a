"""`flask gateways check` tells what is missing in words, and by how it ends."""

from __future__ import annotations

from flask import Flask

from app.db import transaction
from app.models import Gateway
from app.models.method import GatewayState
from tests.gateways.stripe.bench import SECRET
from tests.gateways.stripe.fake import FakeStripe


def gateway(key: str, kind: str, mode: str = "test", **more: object) -> None:
    with transaction() as session:
        session.add(Gateway(key=key, kind=kind, name=key.capitalize(), mode=mode, currencies=["EUR"], **more))


def test_what_can_be_used_ends_well(app: Flask, fake: FakeStripe) -> None:
    gateway("sandbox", "sandbox")
    gateway("stripe", "stripe")
    gateway("old", "nopay", status=GatewayState.REMOVED)
    told = app.test_cli_runner().invoke(args=["gateways", "check"])
    assert told.output == "Sandbox (sandbox, test): can be used\nStripe (stripe, test): can be used\n"
    assert told.exit_code == 0


def test_what_is_missing_is_said_gateway_by_gateway(app: Flask, fake: FakeStripe) -> None:
    gateway("stripe", "stripe", "live")
    gateway("stripe-eu", "stripe")
    gateway("acme", "nopay")
    told = app.test_cli_runner().invoke(args=["gateways", "check"])
    assert told.exit_code == 1
    first, *rest = told.output.splitlines()
    assert first == "Stripe (stripe, live):"
    assert rest[0] == "  - COUNTERSIGN_STRIPE_SECRET_KEY is a test key, but this gateway's mode is live."
    assert "  - COUNTERSIGN_STRIPE_EU_SECRET_KEY is not set." in rest
    assert rest[-1] == "  - No gateway of the kind “nopay” is installed here."
    assert SECRET not in told.output
    assert fake.sent == []


def test_no_gateway_at_all_is_a_fault(app: Flask) -> None:
    told = app.test_cli_runner().invoke(args=["gateways", "check"])
    assert (told.exit_code, "nothing can be charged" in told.output) == (1, True)
