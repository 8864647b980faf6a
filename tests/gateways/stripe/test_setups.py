"""Cards kept at Stripe, and the customers they are kept for."""

from __future__ import annotations

import pytest

from app.gateways.base import Gateway, GatewayUnreachable, Outcome
from app.gateways.setups import SetupRequest
from app.gateways.stripe import charges
from tests.gateways.bench import Bench
from tests.gateways.stripe.bench import TRIES
from tests.gateways.stripe.fake import FakeStripe


@pytest.fixture
def gateway(stripe_bench: Bench) -> Gateway:
    return stripe_bench.gateway


@pytest.fixture
def customer(stripe_bench: Bench) -> str:
    return stripe_bench.customer()


def request(customer: str, token: str = "ctoken_pays", key: str = "s1") -> SetupRequest:
    return SetupRequest(key, customer, token, "http://countersign.test/back", {"method": "M-1"})


def test_a_card_is_saved_without_a_charge_and_pays_later(
    gateway: Gateway, customer: str, stripe_bench: Bench, fake: FakeStripe
) -> None:
    saved = gateway.save_card(request(customer))
    assert (saved.outcome, saved.customer_ref) == (Outcome.SUCCEEDED, customer)
    assert saved.card is not None and (saved.card.brand, saved.card.last4) == ("Visa", "4242")
    sent = fake.sent[-1]
    assert (sent.path, sent.key, sent.params["usage"]) == ("/v1/setup_intents", "s1", "off_session")
    assert gateway.save_card(request(customer)) == saved == gateway.look_up_setup("s1", None)
    later = stripe_bench.request(instrument=None, token=saved.token, customer_ref=customer, off_session=True)
    assert gateway.charge(later).outcome is Outcome.SUCCEEDED


def test_a_card_that_its_bank_refuses_is_not_saved(gateway: Gateway, customer: str) -> None:
    refused = gateway.save_card(request(customer, "ctoken_insufficient_funds"))
    assert (refused.outcome, refused.decline_code, refused.token) == (Outcome.DECLINED, "insufficient_funds", None)
    assert refused.provider_id
    found = gateway.look_up_setup("s1", refused.provider_id)
    assert found is not None and (found.outcome, found.decline_code) == (Outcome.DECLINED, "insufficient_funds")


@pytest.mark.parametrize(("approved", "outcome"), [(True, Outcome.SUCCEEDED), (False, Outcome.DECLINED)])
def test_a_card_is_saved_once_its_holder_has_confirmed(
    gateway: Gateway, customer: str, fake: FakeStripe, approved: bool, outcome: Outcome
) -> None:
    waiting = gateway.save_card(request(customer, "ctoken_confirm"))
    assert (waiting.outcome, waiting.token) == (Outcome.REQUIRES_ACTION, None)
    assert waiting.next_action is not None and waiting.next_action["kind"] == "redirect"
    fake.confirm(waiting.provider_id or "", approved)
    ended = gateway.look_up_setup("s1", waiting.provider_id)
    assert ended is not None and ended.outcome is outcome and bool(ended.token) is approved
    assert ended.decline_code == (None if approved else "authentication_failed")


def test_a_lost_answer_is_found_and_none_is_said_only_when_sure(
    gateway: Gateway, customer: str, stripe_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gateway.look_up_setup("s1", None) is None
    stripe_bench.lose_answer("setup")
    assert gateway.save_card(request(customer)).outcome is Outcome.UNKNOWN
    found = gateway.look_up_setup("s1", None)
    assert found is not None and found.outcome is Outcome.SUCCEEDED
    monkeypatch.setattr(charges, "MOST_LISTED", 1)
    unsure = gateway.look_up_setup("never", None)
    assert unsure is not None and unsure.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("status", "outcome"), [(500, Outcome.UNKNOWN), (401, Outcome.FAILED), (400, Outcome.FAILED)])
def test_an_error_is_an_outcome(
    gateway: Gateway, customer: str, fake: FakeStripe, status: int, outcome: Outcome
) -> None:
    fake.fail(status, {"type": "invalid_request_error"}, times=TRIES)
    assert gateway.save_card(request(customer)).outcome is outcome


def test_a_card_is_forgotten_once_and_again(gateway: Gateway, customer: str, fake: FakeStripe) -> None:
    token = gateway.save_card(request(customer)).token or ""
    gateway.detach(token, customer)
    assert fake.things[token]["customer"] is None
    gateway.detach(token, customer)
    gateway.detach("pm_nowhere", customer)
    fake.fail(500, times=TRIES)
    with pytest.raises(GatewayUnreachable):
        gateway.detach(token, customer)


def test_a_customer_may_change_its_name_without_a_conflict(gateway: Gateway, fake: FakeStripe) -> None:
    first = gateway.ensure_customer("A-1", "Northfield", "ap@northfield.test", "c1")
    assert gateway.ensure_customer("A-1", "Northfield", "ap@northfield.test", "c1") == first
    assert gateway.ensure_customer("A-1", "Northfield Clinics", "ap@northfield.test", "c1") != first
    assert fake.sent[-1].params["metadata"] == {"account": "A-1", "idempotency_key": "c1"}
    fake.fail(429)
    with pytest.raises(GatewayUnreachable, match="rate_limit"):
        gateway.ensure_customer("A-2", "N", "", "c2")
