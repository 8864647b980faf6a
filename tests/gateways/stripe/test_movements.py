"""Captures, voids and refunds at Stripe."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app.gateways.base import Gateway, GatewayUnreachable, Outcome
from app.gateways.movements import Movement, MovementRequest
from app.gateways.stripe.movements import refunded
from app.money import Money
from tests.gateways.bench import Bench
from tests.gateways.stripe.bench import TRIES
from tests.gateways.stripe.fake import FakeStripe

EUR = Money(12345, "EUR")


@pytest.fixture
def gateway(stripe_bench: Bench) -> Gateway:
    return stripe_bench.gateway


@pytest.fixture
def held(stripe_bench: Bench) -> str:
    return stripe_bench.gateway.charge(stripe_bench.request(capture=False)).provider_id or ""


@pytest.fixture
def paid(stripe_bench: Bench) -> str:
    return stripe_bench.gateway.charge(stripe_bench.request()).provider_id or ""


def request(kind: Movement, charge: str, key: str = "m1", amount: Money = EUR, **more: object) -> MovementRequest:
    return MovementRequest(kind, key, charge, amount, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Movement.CAPTURE, Movement.VOID])
def test_an_authorization_ends_once_whoever_asks_again(gateway: Gateway, held: str, kind: Movement) -> None:
    move = request(kind, held)
    assert gateway.look_up_movement(move, None) is None
    done = gateway.move(move)
    assert (done.outcome, done.provider_id, done.charge_id, done.amount) == (Outcome.SUCCEEDED, held, held, EUR)
    assert gateway.move(move) == done == gateway.look_up_movement(move, None)
    other = request(Movement.VOID if kind is Movement.CAPTURE else Movement.CAPTURE, held, "m2")
    late = gateway.move(other)
    assert (late.outcome, late.error_code) == (Outcome.FAILED, "payment_intent_unexpected_state")
    told = gateway.look_up_movement(other, None)
    assert told is not None and (told.outcome, told.error_code) == (Outcome.FAILED, "payment_intent_unexpected_state")


def test_a_part_is_captured(gateway: Gateway, held: str) -> None:
    done = gateway.move(request(Movement.CAPTURE, held, amount=Money(300, "EUR")))
    assert (done.outcome, done.amount) == (Outcome.SUCCEEDED, Money(300, "EUR"))


def test_refunds_never_add_up_to_more_than_was_captured(gateway: Gateway, paid: str) -> None:
    first = gateway.move(request(Movement.REFUND, paid, "r1", Money(7000, "EUR"), reason="Returned"))
    assert (first.outcome, first.amount, first.charge_id) == (Outcome.SUCCEEDED, Money(7000, "EUR"), paid)
    second = gateway.move(request(Movement.REFUND, paid, "r2", Money(7000, "EUR")))
    assert (second.outcome, second.error_code, second.provider_id) == (Outcome.FAILED, "amount_too_large", None)


def test_a_refund_carries_why_and_for_what_it_was_made(gateway: Gateway, paid: str, fake: FakeStripe) -> None:
    move = request(Movement.REFUND, paid, reason="Returned", metadata={"refund": "RF-1"})
    done = gateway.move(move)
    assert done.reason == "Returned"
    assert (done.key, done.metadata) == ("m1", {"refund": "RF-1"})
    assert done.reference == "7470000000000000001"
    assert "reason" not in fake.sent[-1].params and fake.sent[-1].key == "m1"
    gateway.move(request(Movement.REFUND, paid, "m2", Money(1, "EUR"), reason="duplicate"))
    assert fake.sent[-1].params["reason"] == "duplicate"


def test_a_lost_refund_is_found_by_its_key_and_made_once(
    gateway: Gateway, paid: str, stripe_bench: Bench, fake: FakeStripe
) -> None:
    move = request(Movement.REFUND, paid)
    assert gateway.look_up_movement(move, None) is None
    stripe_bench.lose_answer("refund")
    assert gateway.move(move).outcome is Outcome.UNKNOWN
    found = gateway.look_up_movement(move, None)
    assert found is not None and found.outcome is Outcome.SUCCEEDED
    assert gateway.move(move) == found == gateway.refund(found.provider_id or "")
    assert fake.keys("/v1/refunds") == ["m1"] * (TRIES + 1)


def test_the_same_key_for_another_refund_is_a_conflict(gateway: Gateway, paid: str) -> None:
    move = request(Movement.REFUND, paid)
    gateway.move(move)
    other = gateway.move(replace(move, amount=Money(1, "EUR")))
    assert (other.outcome, other.error_code) == (Outcome.FAILED, "idempotency_conflict")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("pending", Outcome.PENDING),
        ("requires_action", Outcome.PENDING),
        ("failed", Outcome.FAILED),
        ("canceled", Outcome.FAILED),
    ],
)
def test_a_refund_may_end_later_and_otherwise(
    gateway: Gateway, paid: str, fake: FakeStripe, status: str, outcome: Outcome
) -> None:
    made = gateway.move(request(Movement.REFUND, paid))
    refund = fake.things[made.provider_id or ""]
    refund.update(status=status, failure_reason="lost_or_stolen_card" if status == "failed" else None)
    told = gateway.refund(refund["id"])
    assert told is not None and (told.outcome, told.provider_id) == (outcome, refund["id"])
    assert told.error_code == {"failed": "lost_or_stolen_card", "canceled": "canceled"}.get(status)
    assert refunded(refund) == told


def test_a_refund_that_stripe_does_not_know_is_none(gateway: Gateway, fake: FakeStripe) -> None:
    assert gateway.refund("re_nowhere") is None
    fake.fail(500, times=TRIES)
    with pytest.raises(GatewayUnreachable, match="api_error: Stripe could not say"):
        gateway.refund("re_nowhere")


@pytest.mark.parametrize("kind", Movement)
@pytest.mark.parametrize(("status", "outcome"), [(500, Outcome.UNKNOWN), (429, Outcome.UNKNOWN), (403, Outcome.FAILED)])
def test_an_error_is_an_outcome_and_no_movement(
    gateway: Gateway, held: str, fake: FakeStripe, kind: Movement, status: int, outcome: Outcome
) -> None:
    fake.fail(status, {"type": "api_error"}, times=TRIES)
    result = gateway.move(request(kind, held))
    assert (result.outcome, result.provider_id, result.amount) == (outcome, None, None)
    fake.fail(403, {"type": "invalid_request_error"})
    told = gateway.look_up_movement(request(kind, held), None)
    assert told is not None and told.outcome is Outcome.UNKNOWN


def test_what_cannot_be_counted_is_not_captured(gateway: Gateway, held: str, fake: FakeStripe) -> None:
    before = len(fake.sent)
    result = gateway.move(request(Movement.REFUND, held, amount=Money(5, "KWD")))
    assert (result.outcome, result.error_code) == (Outcome.FAILED, "amount_not_representable")
    assert len(fake.sent) == before
