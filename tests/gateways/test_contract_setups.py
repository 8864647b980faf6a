"""The promises every gateway keeps about cards that it keeps for later."""

from __future__ import annotations

from msgspec.structs import replace

from app.gateways.outcome import Outcome
from app.money import Money
from tests.gateways.bench import Bench
from tests.gateways.benches import over


@over("saved_tokens", "off_session")
def test_a_card_kept_without_a_charge_pays_later_without_its_holder(bench: Bench) -> None:
    request = bench.setup()
    kept = bench.gateway.save_card(request)
    assert (kept.outcome, kept.customer_ref) == (Outcome.SUCCEEDED, request.customer_ref)
    assert kept.token and kept.provider_id and kept.card is not None and kept.card.last4 == "4242"
    charge = bench.request(instrument=None, token=kept.token, customer_ref=request.customer_ref, off_session=True)
    assert bench.gateway.charge(charge).outcome is Outcome.SUCCEEDED


@over("saved_tokens")
def test_a_card_is_kept_once_a_key(bench: Bench) -> None:
    request = bench.setup()
    first = bench.gateway.save_card(request)
    assert bench.gateway.save_card(request) == first == bench.gateway.look_up_setup(request.key, None)
    other = bench.gateway.save_card(replace(request, return_url="http://countersign.test/elsewhere"))
    assert (other.outcome, other.decline_code) == (Outcome.FAILED, "idempotency_conflict")


@over("saved_tokens")
def test_a_bad_card_is_not_kept(bench: Bench) -> None:
    result = bench.gateway.save_card(bench.setup("declines"))
    assert (result.outcome, result.decline_code, result.token) == (Outcome.DECLINED, "insufficient_funds", None)


@over("saved_tokens", "next_actions")
def test_a_card_is_kept_once_its_holder_has_confirmed(bench: Bench) -> None:
    request = bench.setup("confirms")
    waiting = bench.gateway.save_card(request)
    assert waiting.outcome is Outcome.REQUIRES_ACTION and waiting.provider_id and waiting.token is None
    assert waiting.next_action is not None and waiting.next_action["url"]
    bench.confirm(waiting.provider_id, True)
    kept = bench.gateway.look_up_setup(request.key, waiting.provider_id)
    assert kept is not None and kept.outcome is Outcome.SUCCEEDED and kept.token


@over("saved_tokens", "next_actions")
def test_a_card_whose_holder_refuses_is_not_kept(bench: Bench) -> None:
    request = bench.setup("confirms")
    waiting = bench.gateway.save_card(request)
    assert waiting.provider_id
    bench.confirm(waiting.provider_id, False)
    result = bench.gateway.look_up_setup(request.key, waiting.provider_id)
    assert result is not None and (result.outcome, result.token) == (Outcome.DECLINED, None)


@over("saved_tokens")
def test_a_lost_answer_is_found_and_a_lost_request_was_never_heard_of(bench: Bench) -> None:
    lost, unheard = bench.setup(), bench.setup()
    bench.lose_answer("setup")
    assert bench.gateway.save_card(lost).outcome is Outcome.UNKNOWN
    bench.lose_request("setup")
    assert bench.gateway.save_card(unheard).outcome is Outcome.UNKNOWN
    found = bench.gateway.look_up_setup(lost.key, None)
    assert found is not None and found.token
    assert bench.gateway.look_up_setup(unheard.key, None) is None


@over("saved_tokens")
def test_a_detached_card_pays_no_more_and_is_detached_as_often_as_asked(bench: Bench) -> None:
    customer = bench.customer()
    kept = bench.gateway.save_card(bench.setup(customer_ref=customer))
    assert kept.token
    for _ in range(2):
        bench.gateway.detach(kept.token, customer)
    charge = bench.request(instrument=None, token=kept.token, customer_ref=customer, amount=Money(1, "EUR"))
    assert bench.gateway.charge(charge).outcome in (Outcome.FAILED, Outcome.DECLINED)


@over("saved_tokens")
def test_a_kept_card_is_told_of_until_it_is_detached(bench: Bench) -> None:
    customer = bench.customer()
    kept = bench.gateway.save_card(bench.setup(customer_ref=customer))
    assert kept.token and bench.gateway.saved_card(kept.token) == kept.card
    bench.gateway.detach(kept.token, customer)
    assert bench.gateway.saved_card(kept.token) is None
    assert bench.gateway.saved_card("pm_nobody") is None
