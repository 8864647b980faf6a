"""The sandbox's pages: its bank's challenge, its list of cards, its card field, and that they can be absent."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.gateways.base import ChargeResult, Outcome
from app.gateways.sandbox.cards import BY_SLUG, CARDS
from tests import factories
from tests.gateways.bench import Bench
from tests.gateways.benches import sandbox_bench

BACK = "/pay/back"


@pytest.fixture
def bench(app: Flask) -> Bench:
    factories.company()
    return sandbox_bench()


def waiting(bench: Bench, slug: str = "confirm") -> ChargeResult:
    request = bench.request(instrument=BY_SLUG[slug].alias(12, 2099), return_url=BACK)
    return bench.gateway.charge(request)


def url_of(result: ChargeResult) -> str:
    assert result.next_action is not None
    return result.next_action["url"]


def now(bench: Bench, result: ChargeResult) -> ChargeResult:
    assert result.provider_id
    return bench.gateway.resume(result.provider_id, "any")


@pytest.mark.parametrize(
    ("slug", "answer", "end"),
    [
        ("confirm", "approve", Outcome.SUCCEEDED),
        ("confirm", "fail", Outcome.DECLINED),
        ("confirm", "", Outcome.DECLINED),
        ("confirm-declined", "approve", Outcome.DECLINED),
    ],
)
def test_the_cardholder_answers_and_is_sent_back(
    bench: Bench, client: FlaskClient, slug: str, answer: str, end: Outcome
) -> None:
    result = waiting(bench, slug)
    page = client.get(url_of(result))
    assert "€123.45" in page.text and "BRIGHTWATER" in page.text and "•••• " in page.text
    back = client.post(url_of(result), data={"answer": answer})
    assert (back.status_code, back.location) == (303, BACK)
    assert now(bench, result).outcome is end


def test_only_the_first_answer_counts(bench: Bench, client: FlaskClient) -> None:
    result = waiting(bench)
    client.post(url_of(result), data={"answer": "approve"})
    client.post(url_of(result), data={"answer": "fail"})
    assert now(bench, result).outcome is Outcome.SUCCEEDED
    page = client.get(url_of(result))
    assert "nothing to confirm" in page.text and BACK in page.text and "<form" not in page.text


def test_a_cancelled_charge_cannot_be_confirmed(bench: Bench, client: FlaskClient) -> None:
    result = waiting(bench)
    assert result.provider_id
    bench.gateway.cancel(result.provider_id, "cancel")
    assert client.post(url_of(result), data={"answer": "approve"}).status_code == 303
    assert now(bench, result).outcome is Outcome.FAILED


def test_an_unknown_challenge_is_not_found(bench: Bench, client: FlaskClient) -> None:
    assert client.get("/sandbox/3ds/sbx_ch_nothing").status_code == 404
    assert client.post("/sandbox/3ds/sbx_ch_nothing").status_code == 404


@pytest.mark.parametrize(("slug", "kind"), [("confirm", "redirect"), ("confirm-in-page", "in_page")])
def test_the_challenge_may_be_framed_by_our_own_pages_only(
    bench: Bench, client: FlaskClient, slug: str, kind: str
) -> None:
    result = waiting(bench, slug)
    assert result.next_action is not None and result.next_action["kind"] == kind
    policy = client.get(url_of(result)).headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy


def test_the_card_field_may_connect_to_nothing_and_be_framed_by_us_only(client: FlaskClient) -> None:
    policy = client.get("/sandbox/card-field").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "form-action 'none'" in policy and "frame-ancestors 'self'" in policy
    assert "connect-src" not in policy and "img-src" not in policy and "unsafe" not in policy


def test_a_look_nobody_knows_is_ignored(client: FlaskClient) -> None:
    assert 'data-look="dark"' in client.get("/sandbox/card-field?look=dark").text
    assert "data-look=" not in client.get('/sandbox/card-field?look="><b>').text


def test_every_test_card_is_listed_once(bench: Bench, client: FlaskClient) -> None:
    page = client.get("/sandbox/cards").text
    assert all(page.count(f'data-copy="{card.grouped}"') == 1 for card in CARDS)


@pytest.mark.parametrize("path", ["/sandbox/card-field", "/sandbox/cards", "/sandbox/3ds/sbx_ch_1"])
def test_none_of_it_is_there_where_the_sandbox_is_off(app: Flask, client: FlaskClient, path: str) -> None:
    app.config["SANDBOX"] = False
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(("answer", "end"), [("approve", Outcome.SUCCEEDED), ("fail", Outcome.DECLINED)])
def test_the_bank_asks_for_a_card_to_be_kept_and_names_no_amount(
    bench: Bench, client: FlaskClient, answer: str, end: Outcome
) -> None:
    request = bench.setup("confirms", return_url=BACK)
    waiting_card = bench.gateway.save_card(request)
    assert waiting_card.next_action is not None
    url = waiting_card.next_action["url"]
    page = client.get(url).text
    assert "Do you want to save this card?" in page and "•••• 3184" in page and "€" not in page
    assert client.post(url, data={"answer": answer}).location == BACK
    found = bench.gateway.look_up_setup(request.key, None)
    assert found is not None and found.outcome is end
