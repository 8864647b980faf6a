"""Whose secrets are used, and for what: none for another account, none in the wrong mode, none sent astray or shown."""

from __future__ import annotations

import pytest
from flask import Flask
from msgspec.structs import replace

from app.errors import Refusal
from app.gateways import registry
from app.gateways.base import GatewayUnreachable, Outcome
from app.gateways.card_field import Purpose
from app.gateways.stripe import keys
from app.money import Money
from tests.gateways.bench import Bench
from tests.gateways.stripe.bench import ACCOUNT, PUBLISHABLE, SECRET, WEBHOOK
from tests.gateways.stripe.fake import FakeStripe

PAYS = Purpose(Money(12345, "EUR"), "EUR", save=True)


def test_two_accounts_live_at_once_and_neither_borrows(app: Flask) -> None:
    app.config["STRIPE"] = {
        "SECRET_KEY": "sk_test_a",
        "EU_SECRET_KEY": "sk_test_eu",
        "ACME_US_SECRET_KEY": "rk_test_us",
    }
    found = {key: keys.of(replace(ACCOUNT, key=key)) for key in ("stripe", "stripe-eu", "acme-us", "stripe-asia")}
    assert [k.secret for k in found.values()] == ["sk_test_a", "sk_test_eu", "rk_test_us", ""]
    assert found["stripe-asia"].faults() == ["COUNTERSIGN_STRIPE_ASIA_SECRET_KEY is not set."]


@pytest.mark.parametrize("mode", ["test", "live"])
@pytest.mark.parametrize("said", ["test", "live"])
@pytest.mark.parametrize("kind", ["sk", "rk"])
def test_a_key_is_used_in_its_own_mode_only(app: Flask, mode: str, said: str, kind: str) -> None:
    app.config["STRIPE"] = {"SECRET_KEY": f"{kind}_{said}_x", "PUBLISHABLE_KEY": f"pk_{said}_x"}
    found = keys.of(replace(ACCOUNT, mode=mode))
    wrong = [f"is a {said} key, but this gateway's mode is {mode}."] if mode != said else []
    assert [w for w in found.faults() if not w.endswith(tuple(wrong) or ("!",))] == []
    assert len(found.faults()) == len(found.field_faults()) == len(wrong)


@pytest.mark.parametrize("key", ["pk_test_x", "sk_x", "whsec_x", "nonsense", "sk_prod_x"])
def test_what_is_no_secret_key_is_called_so(app: Flask, key: str) -> None:
    app.config["STRIPE"] = {"SECRET_KEY": key}
    (fault,) = keys.of(ACCOUNT).faults()
    assert "does not look like a key of Stripe's" in fault and key not in fault


@pytest.mark.parametrize(
    ("base", "secret", "fine"),
    [
        ("", "sk_live_x", True),
        ("http://127.0.0.1:9000", "sk_test_x", True),
        ("http://localhost:9000", "sk_test_x", True),
        ("http://[::1]:9000", "sk_test_x", True),
        ("http://127.0.0.1:9000", "sk_live_x", False),
        ("https://stripe.example", "sk_test_x", False),
        ("http://127.0.0.1.example", "sk_test_x", False),
        ("http://10.0.0.1", "sk_test_x", False),
        ("nonsense", "sk_test_x", False),
    ],
)
def test_requests_go_elsewhere_only_to_this_machine_with_a_test_key(
    app: Flask, base: str, secret: str, fine: bool
) -> None:
    app.config["STRIPE"] = {"SECRET_KEY": secret, "API_BASE": base}
    found = keys.of(replace(ACCOUNT, mode=secret[3:7])).faults()
    assert (found == []) is fine


def test_without_a_usable_key_nothing_is_sent_and_every_call_says_so(
    app: Flask, stripe_bench: Bench, fake: FakeStripe
) -> None:
    app.config["STRIPE"] = app.config["STRIPE"] | {"SECRET_KEY": "sk_live_x"}
    gateway = registry.for_account(ACCOUNT)
    charged = gateway.charge(stripe_bench.request())
    assert (charged.outcome, charged.decline_code) == (Outcome.FAILED, "gateway_not_set_up")
    looked_up = gateway.look_up("k", None)
    assert looked_up is not None and looked_up.outcome is Outcome.UNKNOWN
    with pytest.raises(GatewayUnreachable, match="not set up"):
        gateway.ensure_customer("A-1", "N", "", "k")
    assert fake.sent == []


def test_no_secret_is_shown(app: Flask) -> None:
    app.config["STRIPE"] = {"SECRET_KEY": SECRET, "PUBLISHABLE_KEY": PUBLISHABLE, "WEBHOOK_SECRET": WEBHOOK}
    assert not any(secret in repr(keys.of(ACCOUNT)) for secret in (SECRET, PUBLISHABLE, WEBHOOK))


def test_the_card_field_gets_the_publishable_key_and_what_it_is_for(stripe_bench: Bench) -> None:
    field = stripe_bench.gateway.card_field(PAYS)
    assert field.component == "stripe"
    assert field.facts == {
        "key": PUBLISHABLE,
        "mode": "payment",
        "amount": "12345",
        "currency": "eur",
        "save": "yes",
        "capture": "automatic",
    }
    assert field.sources["frame-src"][0] == "https://js.stripe.com"
    later = stripe_bench.gateway.card_field(replace(PAYS, capture_later=True))
    assert later.facts["capture"] == "manual"
    saves = stripe_bench.gateway.card_field(Purpose(None, "EUR", save=True))
    assert (saves.facts["mode"], saves.facts["amount"]) == ("setup", "")


def test_there_is_no_card_field_where_no_card_could_be_charged(app: Flask, stripe_bench: Bench) -> None:
    with pytest.raises(Refusal, match="cannot be charged there"):
        stripe_bench.gateway.card_field(Purpose(Money(1, "KWD"), "KWD", save=False))
    app.config["STRIPE"] = app.config["STRIPE"] | {"PUBLISHABLE_KEY": SECRET}
    with pytest.raises(Refusal, match="not set up"):
        registry.for_account(ACCOUNT).card_field(PAYS)
