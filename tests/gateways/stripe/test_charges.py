"""What is sent to Stripe, and what becomes of it when the world is unkind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import stripe
import time_machine
from flask import Flask
from msgspec.structs import replace

from app import clock
from app.gateways.base import Gateway, Outcome
from app.gateways.stripe import charges, client
from app.states import declines
from tests.gateways.bench import Bench
from tests.gateways.stripe.bench import TRIES
from tests.gateways.stripe.fake import FakeStripe

PATH = "/v1/payment_intents"


@pytest.fixture
def gateway(stripe_bench: Bench) -> Gateway:
    return stripe_bench.gateway


def test_a_card_just_entered_is_confirmed_in_one_request(stripe_bench: Bench, fake: FakeStripe) -> None:
    request = stripe_bench.request()
    stripe_bench.gateway.charge(request)
    (sent,) = fake.sent
    assert (sent.path, sent.key) == (PATH, request.key)
    assert sent.params == {
        "amount": "12345",
        "currency": "eur",
        "confirm": "true",
        "confirmation_token": "ctoken_pays",
        "allowed_payment_method_types": {"0": "card"},
        "capture_method": "automatic",
        "return_url": request.return_url,
        "statement_descriptor_suffix": "BRIGHTWATER",
        "metadata": {"payment_order": "PO-1001", "idempotency_key": request.key},
        "expand": {"0": "latest_charge", "1": "payment_method"},
    }


def test_a_saved_card_is_charged_behind_its_holders_back(stripe_bench: Bench, fake: FakeStripe) -> None:
    customer = stripe_bench.customer()
    saved = stripe_bench.gateway.charge(stripe_bench.request(customer_ref=customer, save=True))
    assert fake.sent[-1].params["setup_future_usage"] == "off_session"
    again = stripe_bench.request(instrument=None, token=saved.token, customer_ref=customer, off_session=True)
    assert stripe_bench.gateway.charge(again).outcome is Outcome.SUCCEEDED
    sent = fake.sent[-1].params
    assert (sent["payment_method"], sent["customer"], sent["off_session"]) == (saved.token, customer, "true")
    assert "return_url" not in sent and "confirmation_token" not in sent


def test_an_authorization_says_until_when_it_holds(stripe_bench: Bench) -> None:
    held = stripe_bench.gateway.charge(stripe_bench.request(capture=False))
    assert (held.outcome, held.action) == (Outcome.SUCCEEDED, "authorize")
    assert held.authorized_until is not None and held.authorized_until > clock.now() + timedelta(days=6)


def test_no_client_secret_leaves_the_adapter(stripe_bench: Bench) -> None:
    waiting = stripe_bench.gateway.charge(stripe_bench.request("confirms"))
    told = repr(replace(waiting, next_action=None))
    assert "secret" not in told
    assert waiting.next_action == {"kind": "redirect", "url": waiting.next_action["url"]}  # type: ignore[index]


@pytest.mark.parametrize(
    ("descriptor", "printed"),
    [("BRIGHTWATER*INC", "BRIGHTWATERINC"), ("<A> \"B\" 'C'", "A B C"), ("2026", ""), ("X" * 30, "X" * 22)],
)
def test_a_descriptor_has_only_what_a_statement_prints(descriptor: str, printed: str) -> None:
    assert charges.printable(descriptor) == printed


@pytest.mark.parametrize(
    ("token", "code", "advice"),
    [
        ("ctoken_insufficient_funds", "insufficient_funds", None),
        ("ctoken_expired", "expired_card", None),
        ("ctoken_stopped", "do_not_honor", "do_not_try_again"),
        ("ctoken_wrong_cvc", "incorrect_cvc", None),
    ],
)
def test_a_decline_says_the_banks_reason_and_its_advice(
    stripe_bench: Bench, token: str, code: str, advice: str | None
) -> None:
    request = stripe_bench.request(instrument=token)
    result = stripe_bench.gateway.charge(request)
    assert (result.outcome, result.decline_code, result.advice) == (Outcome.DECLINED, code, advice)
    assert result.card is not None and result.card.last4 == "4242"
    assert result.provider_id and result.token is None
    assert code in declines.TABLE
    found = stripe_bench.gateway.look_up(request.key, result.provider_id)
    assert found is not None and (found.outcome, found.decline_code, found.advice) == (Outcome.DECLINED, code, advice)


def test_a_saved_card_that_must_be_confirmed_is_declined_off_session(stripe_bench: Bench) -> None:
    request = stripe_bench.request("confirms", off_session=True)
    assert stripe_bench.gateway.charge(request).decline_code == "authentication_required"


def test_what_is_still_processing_is_pending(stripe_bench: Bench) -> None:
    assert stripe_bench.gateway.charge(stripe_bench.request(instrument="ctoken_slow")).outcome is Outcome.PENDING


INVALID = {"type": "invalid_request_error", "message": "No such customer.", "code": "resource_missing"}

ERRORS = {
    "server error": (500, None, Outcome.UNKNOWN, None),
    "unavailable": (503, None, Outcome.UNKNOWN, None),
    "too many requests": (429, {"type": "invalid_request_error", "code": "rate_limit"}, Outcome.UNKNOWN, None),
    "lock": (409, {"type": "invalid_request_error", "code": "lock_timeout"}, Outcome.UNKNOWN, None),
    "key in use": (409, {"type": "idempotency_error", "code": "idempotency_key_in_use"}, Outcome.UNKNOWN, None),
    "conflict": (400, {"type": "idempotency_error", "message": "x"}, Outcome.FAILED, "idempotency_conflict"),
    "invalid": (400, INVALID, Outcome.FAILED, "resource_missing"),
    "invalid without code": (400, {"type": "invalid_request_error"}, Outcome.FAILED, "invalid_request"),
    "not found": (404, INVALID, Outcome.FAILED, "resource_missing"),
    "key refused": (401, {"type": "invalid_request_error", "message": "sk_x"}, Outcome.FAILED, "authentication_error"),
    "not permitted": (403, {"type": "invalid_request_error"}, Outcome.FAILED, "permission_error"),
    "declined": (402, {"type": "card_error", "code": "expired_card"}, Outcome.DECLINED, "expired_card"),
    "declined without a word": (402, {"type": "card_error"}, Outcome.DECLINED, "card_declined"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_of_stripes_is_an_outcome(stripe_bench: Bench, fake: FakeStripe, name: str) -> None:
    status, error, outcome, code = ERRORS[name]
    fake.fail(status, error, times=TRIES)
    result = stripe_bench.gateway.charge(stripe_bench.request())
    assert (result.outcome, result.decline_code) == (outcome, code)
    assert result.provider_id is None and result.amount is None
    assert "sk_" not in result.message


def test_every_error_class_of_the_client_has_a_meaning() -> None:
    # Those beyond are of products that are not used here; they count as unknown.
    named = {kind for kind, *_ in client.BY_KIND}
    known = {
        stripe.CardError,
        stripe.RateLimitError,
        stripe.IdempotencyError,
        stripe.AuthenticationError,
        stripe.PermissionError,
        stripe.InvalidRequestError,
        stripe.APIConnectionError,
    }
    assert known <= named
    assert client.failure(stripe.APIError("x")).outcome is Outcome.UNKNOWN
    assert client.failure(stripe.TemporarySessionExpiredError("x")).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("text", ["", "<html>", "[]", "{}", '{"id": "pi_1", "object": "payment_intent"}'])
def test_a_broken_answer_is_unknown(stripe_bench: Bench, fake: FakeStripe, text: str) -> None:
    fake.garble(text)
    assert stripe_bench.gateway.charge(stripe_bench.request()).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("lose", ["lose_request", "lose_answer"])
def test_a_dropped_connection_is_tried_once_more_under_the_same_key(
    stripe_bench: Bench, fake: FakeStripe, lose: str
) -> None:
    getattr(fake, lose)()
    request = stripe_bench.request()
    assert stripe_bench.gateway.charge(request).outcome is Outcome.SUCCEEDED
    assert fake.keys(PATH) == [request.key, request.key]
    assert len([i for i in fake.things if i.startswith("pi_")]) == 1


def test_a_server_error_is_tried_once_more_under_the_same_key(stripe_bench: Bench, fake: FakeStripe) -> None:
    fake.fail(500)
    request = stripe_bench.request()
    assert stripe_bench.gateway.charge(request).outcome is Outcome.SUCCEEDED
    assert fake.keys(PATH) == [request.key, request.key]


def test_too_many_requests_are_not_followed_by_one_more(stripe_bench: Bench, fake: FakeStripe) -> None:
    fake.fail(429)
    assert stripe_bench.gateway.charge(stripe_bench.request()).outcome is Outcome.UNKNOWN
    assert len(fake.sent) == 1


def test_a_time_out_is_unknown_and_found_by_its_key(
    stripe_bench: Bench, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "READ_SECONDS", 0.3)
    fake.dawdle(1, TRIES)
    request = stripe_bench.request()
    late = stripe_bench.gateway.charge(request)
    assert (late.outcome, late.message, late.sent) == (Outcome.UNKNOWN, "Stripe did not answer.", True)
    monkeypatch.setattr(client, "READ_SECONDS", 20)
    client._connected.cache_clear()
    found = stripe_bench.gateway.look_up(request.key, None)
    assert found is not None and found.outcome is Outcome.SUCCEEDED


def test_nobody_at_the_address_is_unknown(app: Flask, stripe_bench: Bench) -> None:
    app.config["STRIPE"] = app.config["STRIPE"] | {"API_BASE": "http://127.0.0.1:9"}
    gateway = type(stripe_bench.gateway)(stripe_bench.gateway.account)  # type: ignore[call-arg]
    result = gateway.charge(stripe_bench.request())
    assert (result.outcome, result.sent) == (Outcome.UNKNOWN, False)


def test_what_was_dropped_may_have_left_even_if_nobody_was_there_the_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropped = stripe.APIConnectionError("dropped", should_retry=True)
    line = client.Line()
    monkeypatch.setattr(stripe.RequestsClient, "request", raising(dropped))
    with pytest.raises(stripe.APIConnectionError):
        line.request("post", "/", {"Idempotency-Key": "k1"})
    refused = stripe.APIConnectionError("refused", should_retry=True)
    refused.__cause__ = type("ConnectTimeout", (Exception,), {})()
    monkeypatch.setattr(stripe.RequestsClient, "request", raising(refused))
    for key, unreached in (("k1", False), ("k2", True)):
        with pytest.raises(stripe.APIConnectionError) as error:
            line.request("post", "/", {"Idempotency-Key": key})
        assert isinstance(error.value, client.Unreached) is unreached


def raising(error: Exception) -> Callable[..., object]:
    def request(*_: object, **__: object) -> object:
        raise error

    return request


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_not_being_able_to_ask_says_nothing_about_the_charge(
    stripe_bench: Bench, fake: FakeStripe, status: int
) -> None:
    request = stripe_bench.request("confirms")
    waiting = stripe_bench.gateway.charge(request)
    assert waiting.provider_id
    for ask in (
        lambda: stripe_bench.gateway.look_up(request.key, None),
        lambda: stripe_bench.gateway.look_up(request.key, waiting.provider_id),
        lambda: stripe_bench.gateway.resume(waiting.provider_id or "", request.key),
        lambda: stripe_bench.gateway.cancel(waiting.provider_id or "", request.key),
    ):
        fake.faults.clear()
        fake.fail(status, {"type": "invalid_request_error"}, times=TRIES)
        told = ask()
        assert told is not None and told.outcome is Outcome.UNKNOWN


def test_an_old_charge_is_found_by_search(stripe_bench: Bench, fake: FakeStripe) -> None:
    request = stripe_bench.request()
    charged = stripe_bench.gateway.charge(request)
    fake.things[charged.provider_id or ""]["created"] -= 7 * 86400
    found = stripe_bench.gateway.look_up(request.key, None)
    assert found is not None and found.provider_id == charged.provider_id
    assert fake.sent[-1].path == f"{PATH}/search"


def test_a_young_charge_is_found_where_search_knows_nothing_yet(stripe_bench: Bench, fake: FakeStripe) -> None:
    request = stripe_bench.request()
    stripe_bench.gateway.charge(request)
    for _ in range(120):  # more than a page of newer ones
        stripe_bench.gateway.charge(stripe_bench.request())
    assert stripe_bench.gateway.look_up(request.key, None) is not None
    assert all(sent.path != f"{PATH}/search" for sent in fake.sent)


def test_none_is_said_only_when_the_list_was_read_to_its_end(
    stripe_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charges, "MOST_LISTED", 2)
    for _ in range(2):
        stripe_bench.gateway.charge(stripe_bench.request())
    unsure = stripe_bench.gateway.look_up("never-sent", None)
    assert unsure is not None and unsure.outcome is Outcome.UNKNOWN


def test_the_list_begins_some_hours_ago(stripe_bench: Bench, fake: FakeStripe) -> None:
    with time_machine.travel(datetime(2031, 5, 1, 12, tzinfo=UTC)):
        stripe_bench.gateway.look_up("k", None)
    assert fake.sent[0].params["created"] == {"gte": str(int(datetime(2031, 5, 1, 9, tzinfo=UTC).timestamp()))}


def test_a_charge_that_stripe_does_not_know_by_its_id_is_none(gateway: Gateway) -> None:
    assert gateway.look_up("k", "pi_nowhere") is None
