"""The promises every gateway keeps about money that it already holds: captures, voids, refunds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from app import clock
from app.gateways.movements import MovementResult
from app.gateways.outcome import Outcome
from app.money import Money
from tests.gateways.bench import Bench
from tests.gateways.benches import over

SUCCEEDED, PENDING, FAILED, UNKNOWN = Outcome.SUCCEEDED, Outcome.PENDING, Outcome.FAILED, Outcome.UNKNOWN


def moved(bench: Bench, kind: str, charge: object, minor: int | None = None) -> MovementResult:
    result = bench.gateway.move(bench.movement(kind, charge, minor))  # type: ignore[arg-type]
    assert result.kind == kind
    return result


@over("capture_later")
def test_money_that_is_only_held_says_so_and_until_when(bench: Bench) -> None:
    request = bench.request(capture=False)
    held = bench.gateway.charge(request)
    assert (held.outcome, held.action, held.amount) == (SUCCEEDED, "authorize", request.amount)
    assert held.authorized_until is not None
    assert held.authorized_until > clock.now() + timedelta(days=1)
    assert bench.gateway.look_up(request.key, None) == held


@over("capture_later")
def test_held_money_is_captured_whole(bench: Bench) -> None:
    request = bench.request(capture=False)
    held = bench.gateway.charge(request)
    result = moved(bench, "capture", held)
    assert (result.outcome, result.amount) == (SUCCEEDED, held.amount)
    assert result.provider_id == result.charge_id == held.provider_id
    found = bench.gateway.look_up(request.key, held.provider_id)
    assert found is not None and (found.outcome, found.action) == (SUCCEEDED, "authorize")


@over("capture_later")
def test_less_than_what_is_held_may_be_captured_and_no_more_refunded(bench: Bench) -> None:
    held = bench.paid(capture=False)
    assert moved(bench, "capture", held, 10000).amount == Money(10000, "EUR")
    assert moved(bench, "refund", held, 10001).outcome is FAILED
    assert moved(bench, "refund", held, 10000).outcome is SUCCEEDED


@over("capture_later")
def test_more_than_what_is_held_cannot_be_captured(bench: Bench) -> None:
    held = bench.paid(capture=False)
    result = moved(bench, "capture", held, 12346)
    assert (result.outcome, result.error_code) == (FAILED, "amount_too_large")
    assert moved(bench, "capture", held).outcome is SUCCEEDED


@over("capture_later")
def test_nothing_is_captured_twice(bench: Bench) -> None:
    held = bench.paid(capture=False)
    moved(bench, "capture", held, 5000)
    assert moved(bench, "capture", held, 5000).outcome is FAILED


@over("capture_later", "void")
def test_an_authorization_ends_in_a_capture_or_a_void_never_both(bench: Bench) -> None:
    voided, captured = bench.paid(capture=False), bench.paid(capture=False)
    assert moved(bench, "void", voided).outcome is SUCCEEDED
    assert moved(bench, "capture", voided).outcome is FAILED
    assert moved(bench, "capture", captured).outcome is SUCCEEDED
    assert moved(bench, "void", captured).outcome is FAILED


@over("capture_later", "void")
def test_what_was_voided_holds_nothing_and_gives_nothing_back(bench: Bench) -> None:
    request = bench.request(capture=False)
    held = bench.gateway.charge(request)
    moved(bench, "void", held)
    found = bench.gateway.look_up(request.key, held.provider_id)
    assert found is not None and found.outcome is FAILED
    assert moved(bench, "refund", held).outcome is FAILED


def test_a_refund_gives_the_exact_amount_back_and_is_found_by_its_own_id(bench: Bench) -> None:
    charge = bench.paid()
    request = bench.movement("refund", charge)
    result = bench.gateway.move(request)
    assert (result.outcome, result.amount, result.charge_id) == (SUCCEEDED, charge.amount, charge.provider_id)
    assert result.provider_id and result.provider_id != charge.provider_id and result.raw_sha256
    found = bench.gateway.refund(result.provider_id)
    assert found is not None and (found.outcome, found.amount) == (SUCCEEDED, charge.amount)
    assert found.metadata == request.metadata


def test_an_unheard_of_refund_is_none(bench: Bench) -> None:
    assert bench.gateway.refund("never-made") is None


@over("partial_refund")
def test_refunds_never_add_up_to_more_than_was_charged(bench: Bench) -> None:
    charge = bench.paid(amount=Money(10000, "EUR"))
    assert moved(bench, "refund", charge, 6000).outcome is SUCCEEDED
    second = moved(bench, "refund", charge, 6000)
    assert (second.outcome, second.error_code, second.provider_id) == (FAILED, "amount_too_large", None)
    assert moved(bench, "refund", charge, 4000).outcome is SUCCEEDED
    assert moved(bench, "refund", charge, 1).outcome is FAILED


@pytest.mark.parametrize(("amount", "part"), [(Money(12345, "JPY"), 1), (Money(12340, "KWD"), 10)])
@over("partial_refund")
def test_refunds_are_exact_in_every_exponent(bench: Bench, amount: Money, part: int) -> None:
    charge = bench.paid(amount=amount)
    assert moved(bench, "refund", charge, part).amount == Money(part, amount.currency)
    rest = amount.minor - part
    assert moved(bench, "refund", charge, rest).amount == Money(rest, amount.currency)


@over("partial_refund")
def test_a_pending_refund_counts_until_it_fails(bench: Bench) -> None:
    charge = bench.paid(amount=Money(10000, "EUR"))
    bench.hold_refund()
    pending = moved(bench, "refund", charge, 8000)
    assert pending.outcome is PENDING and pending.provider_id
    assert moved(bench, "refund", charge, 3000).outcome is FAILED
    bench.end_refund(pending.provider_id, False)
    failed = bench.gateway.refund(pending.provider_id)
    assert failed is not None and failed.outcome is FAILED and failed.error_code
    assert moved(bench, "refund", charge, 10000).outcome is SUCCEEDED


def test_a_pending_refund_arrives(bench: Bench) -> None:
    charge = bench.paid()
    bench.hold_refund()
    request = bench.movement("refund", charge)
    pending = bench.gateway.move(request)
    assert pending.outcome is PENDING and pending.provider_id
    bench.end_refund(pending.provider_id, True)
    found = bench.gateway.look_up_movement(request, pending.provider_id)
    assert found is not None and found.outcome is SUCCEEDED


def test_a_refund_may_fail_at_once_and_be_tried_again(bench: Bench) -> None:
    charge = bench.paid()
    bench.break_refund()
    failed = moved(bench, "refund", charge)
    assert failed.outcome is FAILED and failed.error_code and failed.provider_id
    assert moved(bench, "refund", charge).outcome is SUCCEEDED


def test_a_refund_that_had_arrived_may_still_come_back(bench: Bench) -> None:
    charge = bench.paid()
    refund = moved(bench, "refund", charge)
    assert refund.provider_id
    bench.end_refund(refund.provider_id, False)
    found = bench.gateway.refund(refund.provider_id)
    assert found is not None and (found.outcome, found.provider_id) == (FAILED, refund.provider_id)
    assert moved(bench, "refund", charge).outcome is SUCCEEDED


@pytest.mark.parametrize("kind", ["capture", "void", "refund"])
@over("capture_later", "void")
def test_a_movement_under_one_key_happens_once(bench: Bench, kind: str) -> None:
    charge = bench.paid(capture=kind == "refund")
    request = bench.movement(kind, charge)
    first = bench.gateway.move(request)
    assert first.outcome is SUCCEEDED and bench.gateway.move(request) == first
    other = bench.gateway.move(replace(request, amount=Money(1, "EUR")))
    assert (other.outcome, other.error_code) == (FAILED, "idempotency_conflict")
    found = bench.gateway.look_up_movement(request, first.provider_id)
    assert found is not None and (found.outcome, found.amount) == (SUCCEEDED, first.amount)


@pytest.mark.parametrize("kind", ["capture", "void", "refund"])
@over("capture_later", "void")
def test_a_movement_whose_answer_is_lost_is_found_and_not_made_twice(bench: Bench, kind: str) -> None:
    charge = bench.paid(capture=kind == "refund")
    request = bench.movement(kind, charge)
    bench.lose_answer(kind)
    lost = bench.gateway.move(request)
    assert (lost.outcome, lost.amount) == (UNKNOWN, None)
    found = bench.gateway.look_up_movement(request, None)
    assert found is not None and (found.outcome, found.amount) == (SUCCEEDED, charge.amount)
    again = bench.gateway.move(request)
    assert (again.outcome, again.provider_id) == (SUCCEEDED, found.provider_id)


@pytest.mark.parametrize("kind", ["capture", "void", "refund"])
@over("capture_later", "void")
def test_a_movement_whose_request_is_lost_was_never_heard_of(bench: Bench, kind: str) -> None:
    charge = bench.paid(capture=kind == "refund")
    request = bench.movement(kind, charge)
    bench.lose_request(kind)
    assert bench.gateway.move(request).outcome is UNKNOWN
    assert bench.gateway.look_up_movement(request, None) is None
    assert bench.gateway.move(request).outcome is SUCCEEDED


def test_a_charge_that_nobody_knows_cannot_be_refunded(bench: Bench) -> None:
    request = replace(bench.movement("refund", bench.paid()), charge_id="never-made")
    assert bench.gateway.move(request).outcome is FAILED
