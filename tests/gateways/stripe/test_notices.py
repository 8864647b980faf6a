"""Stripe's events: believed only when signed by one of our secrets, now, and read for what they are about."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from stripe import WebhookSignature

from app.gateways import registry
from app.gateways.base import Gateway
from app.gateways.notices import BadNotice, Subject
from tests.gateways.bench import Bench
from tests.gateways.stripe.bench import ACCOUNT, WEBHOOK

NOW = datetime(2031, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def gateway(stripe_bench: Bench) -> Gateway:
    return stripe_bench.gateway


def event(type: str, **thing: Any) -> dict[str, Any]:
    facts = {"id": "evt_1", "object": "event", "type": type, "created": int(NOW.timestamp()), "livemode": False}
    return facts | {"data": {"object": thing}}


def signed(body: bytes, secret: str = WEBHOOK, at: datetime = NOW) -> dict[str, str]:
    stamp = int(at.timestamp())
    signature = WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=stamp)
    return {"Stripe-Signature": signature}


def read(gateway: Gateway, facts: dict[str, Any]) -> Any:
    body = json.dumps(facts).encode()
    return gateway.read_notice(body, signed(body))


ABOUT = {
    "payment_intent.succeeded": ({"object": "payment_intent", "id": "pi_1"}, Subject.CHARGE, "pi_1"),
    "charge.refunded": ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, Subject.CHARGE, "pi_1"),
    "charge.failed": ({"object": "charge", "id": "ch_1", "payment_intent": None}, Subject.CHARGE, "ch_1"),
    "charge.refund.updated": ({"object": "refund", "id": "re_1"}, Subject.REFUND, "re_1"),
    "refund.created": ({"object": "refund", "id": "re_1"}, Subject.REFUND, "re_1"),
    "charge.dispute.created": ({"object": "dispute", "id": "dp_1"}, Subject.DISPUTE, "dp_1"),
    "payout.paid": ({"object": "payout", "id": "po_1"}, Subject.PAYOUT, "po_1"),
    "setup_intent.succeeded": ({"object": "setup_intent", "id": "seti_1"}, Subject.SETUP, "seti_1"),
    "payment_method.detached": ({"object": "payment_method", "id": "pm_1"}, Subject.METHOD, "pm_1"),
    "invoice.paid": ({"object": "invoice", "id": "in_1", "metadata": {"a": "b"}}, Subject.OTHER, None),
    "balance.available": ({"object": "balance"}, Subject.OTHER, None),
    "what.nobody.knows.yet": ({}, Subject.OTHER, None),
}


@pytest.mark.parametrize("type", ABOUT)
def test_an_event_is_read_for_what_it_is_about(gateway: Gateway, type: str) -> None:
    thing, subject, subject_id = ABOUT[type]
    notice = read(gateway, event(type, **thing))
    assert (notice.type, notice.subject, notice.subject_id) == (type, subject, subject_id)
    assert (notice.event_id, notice.mode, notice.at) == ("evt_1", "test", NOW)
    assert notice.metadata == {}


def test_it_names_our_attempt_mode_and_account(gateway: Gateway) -> None:
    facts = event("payment_intent.succeeded", object="payment_intent", id="pi_1", metadata={"attempt": "x"})
    notice = read(gateway, facts | {"livemode": True, "account": "acct_1"})
    assert (notice.metadata, notice.mode, notice.account) == ({"attempt": "x"}, "live", "acct_1")


def test_while_a_secret_is_replaced_both_are_believed(app: Flask, gateway: Gateway) -> None:
    app.config["STRIPE"] = app.config["STRIPE"] | {"WEBHOOK_SECRET": f"whsec_new {WEBHOOK}"}
    both = registry.for_account(ACCOUNT)
    body = json.dumps(event("payout.paid", object="payout", id="po_1")).encode()
    for secret in ("whsec_new", WEBHOOK):
        assert both.read_notice(body, signed(body, secret)).subject_id == "po_1"
    with pytest.raises(BadNotice):
        both.read_notice(body, signed(body, "whsec_else"))


def test_its_header_may_be_spelt_in_any_case(gateway: Gateway) -> None:
    body = json.dumps(event("payout.paid", object="payout", id="po_1")).encode()
    header = {"stripe-signature": signed(body)["Stripe-Signature"]}
    assert gateway.read_notice(body, header).event_id == "evt_1"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Stripe-Signature": ""}, {"Stripe-Signature": "t=1,v1=00"}, {"Stripe-Signature": "t=x,v1="}],
)
def test_what_is_not_signed_is_forged(gateway: Gateway, headers: dict[str, str]) -> None:
    with pytest.raises(BadNotice) as bad:
        gateway.read_notice(b"{}", headers)
    assert bad.value.code == "forged"


def test_what_was_changed_on_the_way_is_forged(gateway: Gateway) -> None:
    body = json.dumps(event("payout.paid", object="payout", id="po_1")).encode()
    with pytest.raises(BadNotice) as bad:
        gateway.read_notice(body.replace(b"po_1", b"po_2"), signed(body))
    assert bad.value.code == "forged"


@pytest.mark.parametrize(("seconds", "stale"), [(-301, True), (-299, False), (299, False), (301, True)])
def test_what_is_older_than_five_minutes_is_stale(gateway: Gateway, seconds: int, stale: bool) -> None:
    body = json.dumps(event("payout.paid", object="payout", id="po_1")).encode()
    headers = signed(body, at=NOW + timedelta(seconds=seconds))
    if not stale:
        assert gateway.read_notice(body, headers).event_id == "evt_1"
        return
    with pytest.raises(BadNotice) as bad:
        gateway.read_notice(body, headers)
    assert bad.value.code == "stale"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"nonsense", b"\xff\xfe", b'{"data": 1}'])
def test_what_is_signed_and_makes_no_sense_is_unreadable_or_forged(gateway: Gateway, body: bytes) -> None:
    stamp = int(NOW.timestamp())
    text = body.decode("utf-8", "replace")
    header = WebhookSignature.generate_signature_header(text, WEBHOOK, timestamp=stamp)
    with pytest.raises(BadNotice) as bad:
        gateway.read_notice(body, {"Stripe-Signature": header})
    assert bad.value.code in ("unreadable", "forged")


def test_without_a_secret_nothing_is_believed(app: Flask, gateway: Gateway) -> None:
    app.config["STRIPE"] = app.config["STRIPE"] | {"WEBHOOK_SECRET": ""}
    body = b"{}"
    with pytest.raises(BadNotice, match="WEBHOOK_SECRET is not set"):
        registry.for_account(ACCOUNT).read_notice(body, signed(body))
