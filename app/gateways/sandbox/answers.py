"""The sandbox's answers as results of the protocol."""

from __future__ import annotations

from ...money import Money
from ..base import ChargeResult, sha256
from ..movements import Movement, MovementRequest, MovementResult
from ..outcome import CardFacts, Outcome
from ..setups import SetupResult
from .line import Answer, NoAnswer, NotSent, Rejected

OUTCOMES = {
    "succeeded": Outcome.SUCCEEDED,
    "authorized": Outcome.SUCCEEDED,
    "requires_action": Outcome.REQUIRES_ACTION,
    "pending": Outcome.PENDING,
    "declined": Outcome.DECLINED,
    "cancelled": Outcome.FAILED,
    "voided": Outcome.FAILED,
    "lapsed": Outcome.FAILED,
    "failed": Outcome.FAILED,
    "refused": Outcome.FAILED,
}
ENDED = {
    "cancelled": ("cancelled", "The charge was cancelled before it was confirmed."),
    "voided": ("voided", "The authorization was voided."),
    "lapsed": ("authorization_expired", "The authorization was not captured in time and holds nothing any more."),
}
REFUSED = {
    "amount_too_large": "More than what is left of the charge.",
    "invalid_amount": "An authorization is voided as a whole.",
    "authorization_expired": "The authorization was not captured in time and holds nothing any more.",
    "already_voided": "The authorization was voided.",
    "already_captured": "The charge is captured already.",
    "not_authorized": "No money is held by this charge.",
}


def charge_result(answer: Answer) -> ChargeResult:
    outcome = OUTCOMES[answer["state"]]
    code, message = ENDED.get(answer["state"], (answer["decline_code"], ""))
    return ChargeResult(
        outcome,
        answer["id"],
        Money(answer["amount"], answer["currency"]),
        action="charge" if answer["capture"] else "authorize",
        reference=answer["authorization"],
        decline_code=code,
        advice=answer["advice"],
        message=message,
        next_action=next_action(answer) if outcome is Outcome.REQUIRES_ACTION else None,
        card=CardFacts(**answer["card"]),
        token=answer["token"],
        customer_ref=answer["customer"],
        authorized_until=answer["authorized_until"],
        raw_sha256=sha256(answer),
    )


def charge_failed(error: Rejected | NoAnswer) -> ChargeResult:
    if isinstance(error, NoAnswer):
        sent = not isinstance(error, NotSent)
        return ChargeResult(Outcome.UNKNOWN, None, None, message=str(error), sent=sent)
    raw = sha256({"error": error.code})
    return ChargeResult(Outcome.FAILED, None, None, decline_code=error.code, message=error.message, raw_sha256=raw)


def movement_result(answer: Answer) -> MovementResult:
    code = answer["error_code"]
    return MovementResult(
        Movement(answer["kind"]),
        OUTCOMES[answer["state"]],
        answer["id"],
        answer["charge"],
        Money(answer["amount"], answer["currency"]),
        error_code=code,
        message=REFUSED.get(code, "The bank did not take the refund.") if code else "",
        reason=answer["reason"],
        key=answer["key"],
        metadata=answer["metadata"],
        raw_sha256=sha256(answer),
    )


def movement_failed(request: MovementRequest, error: Rejected | NoAnswer) -> MovementResult:
    code = error.code if isinstance(error, Rejected) else None
    return MovementResult(
        request.kind,
        Outcome.FAILED if code else Outcome.UNKNOWN,
        None,
        request.charge_id,
        None,
        error_code=code,
        message=str(error),
        reason=request.reason,
        key=request.key,
        metadata=request.metadata,
        raw_sha256=sha256({"error": code}) if code else "",
    )


def setup_result(answer: Answer) -> SetupResult:
    outcome = OUTCOMES[answer["state"]]
    kept = outcome is Outcome.SUCCEEDED
    return SetupResult(
        outcome,
        answer["id"],
        token=answer["token"],
        customer_ref=answer["customer"],
        card=CardFacts(**answer["card"]) if kept else None,
        next_action=next_action(answer) if outcome is Outcome.REQUIRES_ACTION else None,
        decline_code=answer["decline_code"],
        advice=answer["advice"],
        raw_sha256=sha256(answer),
    )


def setup_failed(error: Rejected | NoAnswer) -> SetupResult:
    if isinstance(error, NoAnswer):
        return SetupResult(Outcome.UNKNOWN, None, message=str(error))
    raw = sha256({"error": error.code})
    return SetupResult(Outcome.FAILED, None, decline_code=error.code, message=error.message, raw_sha256=raw)


def next_action(answer: Answer) -> dict[str, str]:
    """The challenge page; a path of ours, since the sandbox's bank lives in this very house."""
    return {"kind": "in_page" if answer["in_page"] else "redirect", "url": f"/sandbox/3ds/{answer['id']}"}
