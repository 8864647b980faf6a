"""The benches of the adapters we ship, and what each of them declares that it can do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from app.gateways import registry
from app.gateways.base import GatewayAccount
from app.gateways.notices import Subject
from app.gateways.sandbox import bank, books, disputes, events, movements, notices, payouts, post, script
from app.gateways.sandbox.cards import BY_SLUG, Fault
from app.gateways.sandbox.tables import Call, ChargeState
from tests.gateways.bench import Bench, Signed

ABILITIES = (
    "saved_tokens",
    "off_session",
    "next_actions",
    "capture_later",
    "void",
    "partial_refund",
    "settlement",
    "disputes",
)


def sandbox_bench(key: str = "sandbox") -> Bench:
    cards = {"pays": "visa", "declines": "insufficient-funds", "confirms": "confirm"}

    def arm(call: str, **what: object) -> None:
        script.next_call(Call(call), gateway=key, **what)  # type: ignore[arg-type]

    def tell(kind: str, ref: str, at: datetime) -> Signed:
        with books.writing() as session:
            payload = events.queue(session, key, Subject(kind), "succeeded", ref, {"attempt": "a1"})
            body = post.body_of(payload)
        return body, notices.signed(key, body, at)

    return Bench(
        gateway=registry.for_account(GatewayAccount(key, "sandbox", "test", ("EUR", "JPY", "KWD"))),
        instrument=lambda does: BY_SLUG[cards[does]].alias(12, 2099),
        confirm=lambda ref, approved: bank.confirm(key, ref, approved=approved) and None,
        lose_answer=lambda call="charge": arm(call, fault=Fault.TIMEOUT_AFTER),
        lose_request=lambda call="charge": arm(call, fault=Fault.TIMEOUT_BEFORE),
        hold_refund=lambda: arm("refund", state=ChargeState.PENDING),
        break_refund=lambda: arm("refund", decline_code="expired_or_canceled_card"),
        end_refund=lambda ref, arrives: movements.end_refund(
            key, ref, error_code=None if arrives else "lost_or_stolen_card"
        ),
        dispute=lambda charge, inquiry: disputes.open_one(key, charge, inquiry=inquiry).provider_id,
        decide=lambda ref, won: disputes.decide(key, ref, won=won),
        pay_out=lambda: payouts.pay_out(key),
        tell=tell,
    )


BENCHES: dict[str, Callable[[], Bench] | str] = {"sandbox": sandbox_bench, "stripe": "stripe_bench"}
DECLARED: dict[str, frozenset[str]] = {"sandbox": frozenset(ABILITIES), "stripe": frozenset(ABILITIES)}


def over(*abilities: str) -> pytest.MarkDecorator:
    """Runs a test over the gateways that declare all of these."""
    return pytest.mark.parametrize("bench", [n for n in BENCHES if DECLARED[n].issuperset(abilities)], indirect=True)
