"""The sandbox as a gateway like any other."""

from __future__ import annotations

from flask import current_app

from ...db import assert_no_transaction
from ...money import Money
from ..base import (
    Capabilities,
    CardFacts,
    ChargeRequest,
    ChargeResult,
    GatewayAccount,
    NotAvailable,
    Outcome,
    sha256,
)
from . import processor
from .processor import Answer, NoAnswer, Rejected

OUTCOMES = {
    "succeeded": Outcome.SUCCEEDED,
    "requires_action": Outcome.REQUIRES_ACTION,
    "pending": Outcome.PENDING,
    "declined": Outcome.DECLINED,
    "cancelled": Outcome.FAILED,
}


class SandboxGateway:
    """Raises Refusal `gateway_not_available` where the sandbox is off or is told to move real money."""

    def __init__(self, account: GatewayAccount) -> None:
        if not current_app.config["SANDBOX"]:
            raise NotAvailable("The sandbox gateway is switched off here: it takes test cards and no real money.")
        if account.mode != "test":
            raise NotAvailable("The gateway “%(key)s” is a sandbox and cannot be live.", key=account.key)
        self.account = account
        self.capabilities = Capabilities(
            currencies=frozenset(account.currencies) or None,
            saved_tokens=True,
            off_session=True,
            next_actions=True,
            keys_remembered_hours=24 * 365 * 100,
        )

    def charge(self, request: ChargeRequest) -> ChargeResult:
        assert_no_transaction()
        if not self.capabilities.accepts(request.amount.currency):
            return _failed("currency_not_supported", f"This gateway takes no {request.amount.currency}.")
        try:
            return result_of(processor.charge(self.account.key, request))
        except Rejected as rejected:
            return _failed(rejected.code, rejected.message)
        except NoAnswer as silence:
            return ChargeResult(Outcome.UNKNOWN, None, None, message=str(silence))

    def look_up(self, key: str, provider_id: str | None) -> ChargeResult | None:
        assert_no_transaction()
        answer = processor.look_up(self.account.key, key, provider_id)
        return result_of(answer) if answer else None

    def resume(self, provider_id: str, key: str) -> ChargeResult:
        """The sandbox books as soon as the cardholder has confirmed; all that is left is to ask."""
        return self.look_up(key, provider_id) or _failed("no_such_charge", "The sandbox knows no such charge.")

    def cancel(self, provider_id: str, key: str) -> ChargeResult:
        assert_no_transaction()
        try:
            return result_of(processor.cancel(self.account.key, provider_id))
        except Rejected as rejected:
            return _failed(rejected.code, rejected.message)

    def ensure_customer(self, account_number: str, name: str, email: str, key: str) -> str:
        assert_no_transaction()
        return processor.ensure_customer(self.account.key, account_number, name, email, key)


def result_of(answer: Answer) -> ChargeResult:
    outcome = OUTCOMES[answer["state"]]
    waits = outcome is Outcome.REQUIRES_ACTION
    cancelled = answer["state"] == "cancelled"
    return ChargeResult(
        outcome,
        answer["id"],
        Money(answer["amount"], answer["currency"]),
        reference=answer["authorization"],
        decline_code="cancelled" if cancelled else answer["decline_code"],
        advice=answer["advice"],
        message="The charge was cancelled before it was confirmed." if cancelled else "",
        next_action=next_action(answer) if waits else None,
        card=CardFacts(**answer["card"]),
        token=answer["token"],
        customer_ref=answer["customer"],
        raw_sha256=sha256(answer),
    )


def next_action(answer: Answer) -> dict[str, str]:
    """The challenge page; a path of ours, since the sandbox's bank lives in this very house."""
    return {"kind": "in_page" if answer["in_page"] else "redirect", "url": f"/sandbox/3ds/{answer['id']}"}


def _failed(code: str, message: str) -> ChargeResult:
    return ChargeResult(
        Outcome.FAILED, None, None, decline_code=code, message=message, raw_sha256=sha256({"error": code})
    )
