"""The promises every gateway keeps, over each adapter we ship."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from app.db import transaction
from app.gateways.base import Gateway, Outcome
from app.gateways.card_field import Purpose
from app.gateways.disputes import Evidence
from app.gateways.movements import Movement, MovementRequest
from app.money import Money
from tests.gateways.bench import Bench
from tests.gateways.benches import ABILITIES, DECLARED


def test_a_gateway_can_what_its_bench_says_it_declares(bench: Bench) -> None:
    declared = {name for name in ABILITIES if getattr(bench.gateway.capabilities, name)}
    assert declared == DECLARED[bench.gateway.account.kind]


def test_a_good_card_pays_the_exact_amount(bench: Bench) -> None:
    request = bench.request()
    result = bench.gateway.charge(request)
    assert result.outcome is Outcome.SUCCEEDED
    assert result.amount == request.amount
    assert result.provider_id and result.raw_sha256 and result.action == "charge"
    assert result.card is not None and (result.card.last4, result.card.exp_month) == ("4242", 12)
    assert result.token is None


@pytest.mark.parametrize("amount", [Money(1, "EUR"), Money(12345, "JPY"), Money(12340, "KWD")])
def test_amounts_survive_the_round_trip_in_every_exponent(bench: Bench, amount: Money) -> None:
    request = bench.request(amount=amount)
    assert bench.gateway.charge(request).amount == amount
    found = bench.gateway.look_up(request.key, None)
    assert found is not None and found.amount == amount


def test_a_currency_outside_the_account_is_refused(bench: Bench) -> None:
    result = bench.gateway.charge(bench.request(amount=Money(1, "CHF")))
    assert (result.outcome, result.decline_code) == (Outcome.FAILED, "currency_not_supported")


def test_a_decline_says_its_code_and_moves_nothing(bench: Bench) -> None:
    result = bench.gateway.charge(bench.request("declines"))
    assert (result.outcome, result.decline_code) == (Outcome.DECLINED, "insufficient_funds")
    assert result.provider_id


@pytest.mark.parametrize("card", ["pays", "declines", "confirms"])
def test_the_same_key_and_request_get_the_same_answer(bench: Bench, card: str) -> None:
    request = bench.request(card)
    assert bench.gateway.charge(request) == bench.gateway.charge(request)


def test_the_same_key_with_another_request_is_a_conflict_and_moves_nothing(bench: Bench) -> None:
    request = bench.request()
    first = bench.gateway.charge(request)
    second = bench.gateway.charge(replace(request, amount=Money(1, "EUR")))
    assert (second.outcome, second.decline_code) == (Outcome.FAILED, "idempotency_conflict")
    assert bench.gateway.look_up(request.key, None) == first


def test_an_unheard_of_charge_is_looked_up_as_none(bench: Bench) -> None:
    assert bench.gateway.look_up("never-sent", None) is None


def test_a_lost_answer_is_unknown_and_found_by_its_key(bench: Bench) -> None:
    bench.lose_answer()
    request = bench.request()
    lost = bench.gateway.charge(request)
    assert (lost.outcome, lost.provider_id, lost.amount) == (Outcome.UNKNOWN, None, None)
    found = bench.gateway.look_up(request.key, None)
    assert found is not None and found.outcome is Outcome.SUCCEEDED
    assert bench.gateway.charge(request) == found


def test_a_lost_decline_is_found_as_a_decline(bench: Bench) -> None:
    bench.lose_answer()
    request = bench.request("declines")
    assert bench.gateway.charge(request).outcome is Outcome.UNKNOWN
    found = bench.gateway.look_up(request.key, None)
    assert found is not None and found.decline_code == "insufficient_funds"


def test_a_lost_request_was_never_heard_of_and_may_be_sent_again(bench: Bench) -> None:
    bench.lose_request()
    request = bench.request()
    assert bench.gateway.charge(request).outcome is Outcome.UNKNOWN
    assert bench.gateway.look_up(request.key, None) is None
    assert bench.gateway.charge(request).outcome is Outcome.SUCCEEDED


def waiting(bench: Bench, **changes: object) -> tuple[str, str]:
    request = bench.request("confirms", **changes)
    result = bench.gateway.charge(request)
    assert result.outcome is Outcome.REQUIRES_ACTION
    assert result.next_action is not None and result.next_action["kind"] in ("redirect", "in_page")
    assert result.next_action["url"] and result.provider_id
    return result.provider_id, request.key


def test_a_challenge_that_is_confirmed_pays(bench: Bench) -> None:
    provider_id, key = waiting(bench)
    assert bench.gateway.resume(provider_id, key).outcome is Outcome.REQUIRES_ACTION
    bench.confirm(provider_id, True)
    assert bench.gateway.resume(provider_id, key).outcome is Outcome.SUCCEEDED


def test_a_challenge_that_is_refused_declines(bench: Bench) -> None:
    provider_id, key = waiting(bench)
    bench.confirm(provider_id, False)
    result = bench.gateway.resume(provider_id, key)
    assert (result.outcome, result.decline_code) == (Outcome.DECLINED, "authentication_failed")


def test_a_cancelled_challenge_cannot_pay_any_more(bench: Bench) -> None:
    provider_id, key = waiting(bench)
    for _ in range(2):
        result = bench.gateway.cancel(provider_id, f"cancel-{key}")
        assert (result.outcome, result.decline_code) == (Outcome.FAILED, "cancelled")
    bench.confirm(provider_id, True)
    assert bench.gateway.resume(provider_id, key).outcome is Outcome.FAILED


def test_cancelling_too_late_tells_of_the_success(bench: Bench) -> None:
    provider_id, key = waiting(bench)
    bench.confirm(provider_id, True)
    assert bench.gateway.cancel(provider_id, f"cancel-{key}").outcome is Outcome.SUCCEEDED


def test_a_customer_is_made_once_a_key(bench: Bench) -> None:
    def make(key: str) -> str:
        return bench.gateway.ensure_customer("A-1", "Northfield", "ap@northfield.test", key)

    assert make("c1") == make("c1") != make("c2")


def test_a_saved_card_pays_again_for_its_customer_only(bench: Bench) -> None:
    customer = bench.customer()
    saved = bench.gateway.charge(bench.request(customer_ref=customer, save=True))
    assert saved.token and saved.customer_ref == customer
    again = bench.request(instrument=None, token=saved.token, customer_ref=customer, off_session=True)
    assert bench.gateway.charge(again).outcome is Outcome.SUCCEEDED
    stranger = bench.request(instrument=None, token=saved.token, customer_ref=bench.customer())
    assert bench.gateway.charge(stranger).outcome is Outcome.FAILED


def test_a_declined_card_is_not_saved(bench: Bench) -> None:
    assert bench.gateway.charge(bench.request("declines", customer_ref=bench.customer(), save=True)).token is None


def test_a_card_is_saved_once_its_challenge_is_confirmed(bench: Bench) -> None:
    provider_id, key = waiting(bench, customer_ref=bench.customer(), save=True)
    bench.confirm(provider_id, True)
    assert bench.gateway.resume(provider_id, key).token


MOVEMENT = MovementRequest(Movement.REFUND, "k", "p", Money(1, "EUR"))

CALLS: dict[str, Callable[[Gateway, Bench], object]] = {
    "charge": lambda gateway, bench: gateway.charge(bench.request()),
    "look_up": lambda gateway, bench: gateway.look_up("k", None),
    "resume": lambda gateway, bench: gateway.resume("p", "k"),
    "cancel": lambda gateway, bench: gateway.cancel("p", "k"),
    "ensure_customer": lambda gateway, bench: gateway.ensure_customer("A-1", "N", "n@northfield.test", "k"),
    "move": lambda gateway, bench: gateway.move(MOVEMENT),
    "look_up_movement": lambda gateway, bench: gateway.look_up_movement(MOVEMENT, None),
    "save_card": lambda gateway, bench: gateway.save_card(bench.setup(customer_ref="c")),
    "look_up_setup": lambda gateway, bench: gateway.look_up_setup("k", None),
    "detach": lambda gateway, bench: gateway.detach("t", "c"),
    "refund": lambda gateway, bench: gateway.refund("r"),
    "dispute": lambda gateway, bench: gateway.dispute("d"),
    "answer_dispute": lambda gateway, bench: gateway.answer_dispute("d", Evidence({}, {}), "k"),
    "accept_dispute": lambda gateway, bench: gateway.accept_dispute("d", "k"),
    "payouts": lambda gateway, bench: list(gateway.payouts(datetime(2026, 1, 1, tzinfo=UTC))),
    "check": lambda gateway, bench: gateway.check(),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_call_is_made_inside_a_transaction(bench: Bench, call: str) -> None:
    with transaction(), pytest.raises(RuntimeError, match="while calling the world"):
        CALLS[call](bench.gateway, bench)


def test_a_gateway_that_is_set_up_has_nothing_to_complain_of(bench: Bench) -> None:
    assert bench.gateway.check() == []
    assert bench.gateway.card_field(Purpose(Money(1, "EUR"), "EUR", save=False)).component
