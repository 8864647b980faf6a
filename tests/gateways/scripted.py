"""A gateway that says what the test tells it, and remembers every call by key as a real one does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from app import clock
from app.db import assert_no_transaction
from app.gateways import registry
from app.gateways.base import (
    Capabilities,
    CardFacts,
    ChargeRequest,
    ChargeResult,
    GatewayAccount,
    GatewayUnreachable,
    Outcome,
)
from app.gateways.card_field import CardField, Purpose
from app.gateways.notices import BadNotice, Notice, Subject
from app.gateways.setups import SetupRequest, SetupResult

VISA = CardFacts("Visa", "4242", 12, 2031, "Maria Keller", "fp-4242")


class ScriptedGateway:
    """`answers` are used up in order, the last one for ever; "but lost" swallows one after booking it. A decline is its
    code, with the processor's advice after a slash if there is any."""

    capabilities = Capabilities(saved_tokens=True, off_session=True, next_actions=True)

    def __init__(self) -> None:
        self.account = GatewayAccount("sandbox", "sandbox", "test", ("EUR", "USD", "JPY", "KWD"))
        self.answers: list[str] = ["ok"]
        self.booked: dict[str, ChargeResult] = {}
        self.calls: list[ChargeRequest] = []
        self.cancelled: list[str] = []
        self.saves: list[SetupRequest] = []
        self.kept: dict[str, SetupResult] = {}
        self.forgotten: list[tuple[str, str]] = []
        self.cards: dict[str, CardFacts | None] = {}
        self.down = False
        self.during_call: Callable[[], None] = lambda: None

    def charge(self, request: ChargeRequest) -> ChargeResult:
        assert_no_transaction()
        self.calls.append(request)
        self.during_call()
        if request.key in self.booked:
            return self.booked[request.key]
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "lost before":
            return ChargeResult(Outcome.UNKNOWN, None, None, message="time-out")
        result = self.result(answer.removesuffix(" but lost"), request)
        self.booked[request.key] = result
        if answer.endswith("but lost"):
            return ChargeResult(Outcome.UNKNOWN, None, None, message="time-out")
        return result

    def result(self, answer: str, request: ChargeRequest) -> ChargeResult:
        provider_id = f"ch-{len(self.booked) + 1}"
        if answer == "ok":
            saved = {"token": f"tok-{provider_id}", "customer_ref": "cus-1"} if request.save else {}
            amount, digest = request.amount, "0" * 64
            return ChargeResult(Outcome.SUCCEEDED, provider_id, amount, card=VISA, raw_sha256=digest, **saved)  # type: ignore[arg-type]
        if answer == "challenge":
            return ChargeResult(
                Outcome.REQUIRES_ACTION, provider_id, None, next_action={"kind": "redirect", "url": "/x"}
            )
        if answer == "wrong amount":
            return ChargeResult(Outcome.SUCCEEDED, provider_id, request.amount + request.amount, card=VISA)
        code, _, advice = answer.partition("/")
        words = {"decline_code": code, "advice": advice or None, "message": "declined"}
        return ChargeResult(Outcome.DECLINED, provider_id, None, card=VISA, **words)  # type: ignore[arg-type]

    def look_up(self, key: str, provider_id: str | None) -> ChargeResult | None:
        assert_no_transaction()
        return self.booked.get(key)

    def resume(self, provider_id: str, key: str) -> ChargeResult:
        assert_no_transaction()
        return self.booked[key]

    def cancel(self, provider_id: str, key: str) -> ChargeResult:
        assert_no_transaction()
        self.cancelled.append(provider_id)
        if self.booked[key].outcome is Outcome.SUCCEEDED:
            return self.booked[key]
        self.booked[key] = ChargeResult(Outcome.FAILED, provider_id, None, decline_code="cancelled")
        return self.booked[key]

    def card_field(self, purpose: Purpose) -> CardField:
        return CardField("sandbox")

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        """Signed with the word "good"; the body is the notice itself."""
        if headers.get("Signature") != "good":
            raise BadNotice("forged", "The signature is not the processor's.")
        facts = json.loads(body)
        return Notice(
            event_id=facts["id"],
            type=facts["type"],
            subject=Subject(facts.get("subject", "other")),
            subject_id=facts.get("subject_id"),
            metadata=facts.get("metadata", {}),
            mode=facts.get("mode", "test"),
            at=clock.now(),
        )

    def save_card(self, request: SetupRequest) -> SetupResult:
        assert_no_transaction()
        self.saves.append(request)
        self.during_call()
        if request.key in self.kept:
            return self.kept[request.key]
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "lost before":
            return SetupResult(Outcome.UNKNOWN, None, message="time-out")
        result = self._setup(answer.removesuffix(" but lost"), request)
        self.kept[request.key] = result
        return SetupResult(Outcome.UNKNOWN, None, message="time-out") if answer.endswith("but lost") else result

    def _setup(self, answer: str, request: SetupRequest) -> SetupResult:
        provider_id = f"seti-{len(self.kept) + 1}"
        if answer == "ok":
            return SetupResult(Outcome.SUCCEEDED, provider_id, f"tok-{provider_id}", request.customer_ref, VISA)
        if answer == "challenge":
            return SetupResult(Outcome.REQUIRES_ACTION, provider_id, next_action={"kind": "redirect", "url": "/bank"})
        return SetupResult(Outcome.DECLINED, provider_id, card=VISA, decline_code=answer, message="declined")

    def confirm_setup(self, key: str) -> None:
        """The cardholder has answered the bank's question, well."""
        self.kept[key] = SetupResult(Outcome.SUCCEEDED, self.kept[key].provider_id, "tok-confirmed", "cus-1", VISA)

    def look_up_setup(self, key: str, provider_id: str | None) -> SetupResult | None:
        assert_no_transaction()
        return SetupResult(Outcome.UNKNOWN, None, message="time-out") if self.down else self.kept.get(key)

    def detach(self, token: str, customer_ref: str) -> None:
        assert_no_transaction()
        if self.down:
            raise GatewayUnreachable("nobody answers")
        self.forgotten.append((token, customer_ref))

    def saved_card(self, token: str) -> CardFacts | None:
        assert_no_transaction()
        if self.down:
            raise GatewayUnreachable("nobody answers")
        return self.cards.get(token, VISA)

    def check(self) -> list[str]:
        assert_no_transaction()
        return ["It does not answer."] if self.down else []

    def ensure_customer(self, account_number: str, name: str, email: str, key: str) -> str:
        assert_no_transaction()
        return "cus-1"


def every_account(monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    """One that stands for every gateway of this test."""
    scripted = ScriptedGateway()
    monkeypatch.setattr(registry, "for_account", lambda account: scripted)
    monkeypatch.setattr(registry, "get", lambda row: scripted)
    return scripted
