"""The Stripe adapter over localstripe, an independent stand-in, unmodified and in a process of its own on loopback.

localstripe knows the parameters and answers of some years ago, so a thin client of the test's renames new ones to old
ones on the way there, and what the adapter reads on the way back. It ignores idempotency keys, which is why only the
promises that do not rest on them are tried here.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask import Flask
from stripe import RequestsClient

from app.gateways import registry
from app.gateways.stripe import client
from tests.gateways.bench import Bench
from tests.gateways.stripe.bench import ACCOUNT, SECRET, settings

# Its own command listens on every interface and reads the state of an earlier run; this does neither.
SERVE = """
import sys
from aiohttp import web
from localstripe.server import app
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""

# Numbers as docs.stripe.com/testing publishes them, to what the contract suite asks of a card.
NUMBERS = {"pays": "4242424242424242", "confirms": "4000002760003184", "fails": "4000000000000341"}

UNKNOWN_THERE = ("expand", "return_url", "setup_future_usage", "statement_descriptor_suffix", "confirmation_token")
METHODS = ("allowed_payment_method_types", "cancellation_reason", "created", "usage")


class OldWords(RequestsClient):
    """Says in localstripe's words what the adapter says in Stripe's."""

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        address = urlsplit(url)
        if address.path.endswith("/search"):
            url = url.replace("/search", "")
        base, _, query = url.partition("?")
        url = base + (f"?{urlencode(kept(parse_qsl(query)))}" if query and kept(parse_qsl(query)) else "")
        posted = parse_qsl(post_data or "", keep_blank_values=True) if isinstance(post_data, str) else []
        if address.path == "/v1/setup_intents" and method == "post":
            return self._set_up(method, url, headers, posted)
        content, status, answer = super().request(method, url, headers, urlencode(kept(posted)) or None)
        return new_words(content, headers or {}, self, url), status, answer

    def _set_up(self, method: str, url: str, headers: Any, posted: list[tuple[str, str]]) -> Any:
        """Made, then confirmed, then attached: what Stripe does in one request."""
        card = dict(posted)["confirmation_token"]
        asked = [(name, value) for name, value in kept(posted) if name != "confirm"]
        content, status, answer = super().request(method, url, headers, urlencode(asked))
        made = json.loads(content)
        if status == 200:
            path = f"{url}/{made['id']}/confirm"
            content, status, answer = super().request(method, path, headers, urlencode({"payment_method": card}))
        if status == 200 and json.loads(content)["status"] == "succeeded":
            attach = url.replace("setup_intents", f"payment_methods/{card}/attach")
            super().request(method, attach, headers, urlencode({"customer": made["customer"]}))
        return new_words(content, headers, self, url), status, answer


def kept(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    found = []
    for name, value in pairs:
        first = name.split("[")[0]
        if first == "confirmation_token" and not any(n == "usage" for n, _ in pairs):
            found.append(("payment_method", value))
        elif first not in (*UNKNOWN_THERE, *METHODS, "query", "reason"):
            found.append((name, value))
    return found


def new_words(content: bytes, headers: Mapping[str, str], http: RequestsClient, url: str) -> bytes:
    """Card and charge expanded, and the bank's question as a redirect."""
    answer = json.loads(content)
    for thing in answer["data"] if answer.get("object") == "list" else [answer]:
        if thing.get("object") in ("payment_intent", "setup_intent"):
            renew(thing, headers, http, f"{urlsplit(url).scheme}://{urlsplit(url).netloc}")
    return json.dumps(answer).encode()


def renew(thing: dict[str, Any], headers: Mapping[str, str], http: RequestsClient, base: str) -> None:
    if thing.get("status") == "requires_action":
        thing["next_action"] = {"type": "redirect_to_url", "redirect_to_url": {"url": f"{base}/3ds/{thing['id']}"}}
    if thing.get("object") == "payment_intent":
        thing["amount_received"] = thing["amount"] if thing["status"] == "succeeded" else 0
        thing["amount_capturable"] = thing["amount"] if thing["status"] == "requires_capture" else 0
    if isinstance(thing.get("payment_method"), str):
        path = f"{base}/v1/payment_methods/{thing['payment_method']}"
        found, _, _ = RequestsClient.request(http, "get", path, headers)
        thing["payment_method"] = json.loads(found)


def ask(base: str, path: str, **values: str) -> dict[str, Any]:
    """As whoever holds the card, or sets localstripe up."""
    request = urllib.request.Request(
        f"{base}{path}", urlencode(values).encode(), {"Authorization": f"Bearer {SECRET}"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"{}")


def card(base: str, number: str) -> str:
    """What Stripe's script in the browser would have made of a number."""
    facts = {"card[exp_month]": "12", "card[exp_year]": "2034", "card[cvc]": "123"}
    return ask(base, "/v1/payment_methods", type="card", **{"card[number]": number}, **facts)["id"]


@pytest.fixture(scope="session")
def localstripe_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("localstripe") / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", SERVE, str(port)], stdout=file, stderr=file)
    base = f"http://127.0.0.1:{port}"
    try:
        await_answer(process, base, log)
        yield base
    finally:
        process.terminate()
        process.wait(10)


def await_answer(process: subprocess.Popen[bytes], base: str, log: Any) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"{base}/js.stripe.com/v3/", timeout=5):
                return
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
    raise AssertionError("localstripe does not answer")


@pytest.fixture
def localstripe(app: Flask, localstripe_process: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its address, empty, as far as `app` can tell Stripe's."""
    app.config["STRIPE"] = settings(localstripe_process)
    monkeypatch.setattr(client, "http_client", lambda: OldWords(timeout=(3, 20)))
    client._connected.cache_clear()
    urllib.request.urlopen(urllib.request.Request(f"{localstripe_process}/_config/data", method="DELETE"), timeout=10)
    yield localstripe_process
    client._connected.cache_clear()


def answer_challenge(base: str, intent_id: str, approved: bool) -> None:
    found = urllib.request.Request(
        f"{base}/v1/payment_intents/{intent_id}", headers={"Authorization": f"Bearer {SECRET}"}
    )
    with urllib.request.urlopen(found, timeout=10) as told:
        secret = json.loads(told.read())["client_secret"]
    path = f"/v1/payment_intents/{intent_id}/_authenticate?success={str(approved).lower()}"
    with contextlib.suppress(urllib.error.HTTPError):  # it was cancelled before
        ask(base, path, client_secret=secret)


@pytest.fixture
def localstripe_bench(localstripe: str) -> Bench:
    def never(call: str = "charge") -> None:
        raise AssertionError("localstripe cannot be made to lose anything")

    return Bench(
        gateway=registry.for_account(ACCOUNT),
        instrument=lambda does: card(localstripe, NUMBERS[does]),
        confirm=lambda intent_id, approved: answer_challenge(localstripe, intent_id, approved),
        lose_answer=never,
        lose_request=never,
    )
