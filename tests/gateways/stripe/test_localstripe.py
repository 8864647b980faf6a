"""Happy paths, 3-D Secure and signed webhooks over localstripe: real HTTP, and a stand-in that we did not write."""

from __future__ import annotations

import queue

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from app.gateways.base import Outcome
from app.gateways.movements import Movement, MovementRequest
from app.gateways.notices import Subject
from app.gateways.setups import SetupRequest
from app.money import Money
from tests.gateways import test_contract as contract
from tests.gateways.bench import Bench
from tests.gateways.stripe.bench import WEBHOOK
from tests.gateways.stripe.localstripe import ask, localstripe, localstripe_bench, localstripe_process  # noqa: F401

# What does not rest on idempotency keys, on codes of declines or on an answer that gets lost.
PROMISES = [
    contract.test_a_good_card_pays_the_exact_amount,
    contract.test_a_currency_outside_the_account_is_refused,
    contract.test_an_unheard_of_charge_is_looked_up_as_none,
    contract.test_a_challenge_that_is_confirmed_pays,
    contract.test_a_challenge_that_is_refused_declines,
    contract.test_a_cancelled_challenge_cannot_pay_any_more,
    contract.test_cancelling_too_late_tells_of_the_success,
]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda test: test.__name__)
def test_the_contract_holds_over_localstripe(localstripe_bench: Bench, promise) -> None:  # noqa: F811
    promise(localstripe_bench)


@pytest.mark.parametrize("amount", [Money(1, "EUR"), Money(12345, "JPY"), Money(12340, "KWD"), Money(500, "ISK")])
def test_amounts_survive_the_round_trip(localstripe_bench: Bench, amount: Money) -> None:  # noqa: F811
    contract.test_amounts_survive_the_round_trip_in_every_exponent(localstripe_bench, amount)


def test_a_declined_card_is_a_decline(localstripe_bench: Bench) -> None:  # noqa: F811
    result = localstripe_bench.gateway.charge(localstripe_bench.request("fails"))
    assert (result.outcome, result.decline_code) == (Outcome.DECLINED, "card_declined")


def test_an_authorization_is_captured_in_part_and_refunded(localstripe_bench: Bench) -> None:  # noqa: F811
    gateway = localstripe_bench.gateway
    held = gateway.charge(localstripe_bench.request(capture=False))
    assert (held.outcome, held.action) == (Outcome.SUCCEEDED, "authorize")
    assert held.provider_id
    captured = gateway.move(MovementRequest(Movement.CAPTURE, "c1", held.provider_id, Money(12345, "EUR")))
    assert (captured.outcome, captured.amount) == (Outcome.SUCCEEDED, Money(12345, "EUR"))
    refund = MovementRequest(Movement.REFUND, "r1", held.provider_id, Money(2345, "EUR"), reason="duplicate")
    refunded = gateway.move(refund)
    assert (refunded.outcome, refunded.amount) == (Outcome.SUCCEEDED, Money(2345, "EUR"))
    assert gateway.look_up_movement(refund, None) == gateway.refund(refunded.provider_id or "")


def test_an_authorization_is_voided(localstripe_bench: Bench) -> None:  # noqa: F811
    held = localstripe_bench.gateway.charge(localstripe_bench.request(capture=False))
    assert held.provider_id
    void = MovementRequest(Movement.VOID, "v1", held.provider_id, Money(12345, "EUR"))
    assert localstripe_bench.gateway.move(void).outcome is Outcome.SUCCEEDED
    assert localstripe_bench.gateway.look_up(" ", held.provider_id).decline_code == "cancelled"  # type: ignore[union-attr]


def test_a_card_is_saved_charged_and_forgotten(localstripe_bench: Bench) -> None:  # noqa: F811
    gateway, customer = localstripe_bench.gateway, localstripe_bench.customer()
    instrument = localstripe_bench.instrument("pays")
    saved = gateway.save_card(SetupRequest("s1", customer, instrument, "http://countersign.test/back"))
    assert (saved.outcome, saved.customer_ref) == (Outcome.SUCCEEDED, customer)
    assert saved.card is not None and saved.card.last4 == "4242"
    again = localstripe_bench.request(instrument=None, token=saved.token, customer_ref=customer, off_session=True)
    assert gateway.charge(again).outcome is Outcome.SUCCEEDED
    assert saved.token
    gateway.detach(saved.token, customer)


def test_its_signed_webhooks_are_believed(
    localstripe_bench: Bench,  # noqa: F811
    localstripe: str,  # noqa: F811
    httpserver: HTTPServer,
) -> None:
    heard: queue.Queue[tuple[bytes, dict[str, str]]] = queue.Queue()

    def hear(request: Request) -> Response:
        heard.put((request.get_data(), dict(request.headers)))
        return Response()

    httpserver.expect_request("/webhooks/stripe").respond_with_handler(hear)
    ask(localstripe, "/_config/webhooks/ours", url=httpserver.url_for("/webhooks/stripe"), secret=WEBHOOK)
    gateway, request = localstripe_bench.gateway, localstripe_bench.request()
    result = gateway.charge(request)
    while (notice := gateway.read_notice(*heard.get(timeout=20))).subject_id != result.provider_id:
        pass  # of a payment before
    assert (notice.type, notice.subject, notice.mode) == ("payment_intent.succeeded", Subject.CHARGE, "test")
    assert notice.metadata == request.metadata | {"idempotency_key": request.key}
