"""Capture, void and refund."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stripe import StripeClient, StripeError

from ..base import sha256
from ..movements import Movement, MovementRequest, MovementResult
from ..outcome import Outcome
from . import charges, reading
from .amounts import NotRepresentable, to_stripe
from .client import UNREADABLE, Fact, NotSetUp, failure, missing

if TYPE_CHECKING:
    from stripe import PaymentIntent
    from stripe.params import RefundCreateParams

REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer"})

REFUNDED = {
    "succeeded": Outcome.SUCCEEDED,
    "pending": Outcome.PENDING,
    "requires_action": Outcome.PENDING,
    "failed": Outcome.FAILED,
    "canceled": Outcome.FAILED,
}


def guarded(request: MovementRequest, ask: Callable[[], MovementResult]) -> MovementResult:
    """Whatever goes wrong is an outcome; a bank's refusal of a movement moves nothing either."""
    try:
        return ask()
    except NotRepresentable as odd:
        return _failed(request, Outcome.FAILED, "amount_not_representable", str(odd))
    except (NotSetUp, StripeError, *UNREADABLE) as error:
        found = failure(error)
        unknown = found.outcome is Outcome.UNKNOWN
        outcome = Outcome.UNKNOWN if unknown else Outcome.FAILED
        return _failed(request, outcome, None if unknown else found.code, found.message, found.body)


def unknown(request: MovementRequest, message: str) -> MovementResult:
    return _failed(request, Outcome.UNKNOWN, None, message)


def _failed(
    request: MovementRequest, outcome: Outcome, code: str | None, message: str, body: Fact | None = None
) -> MovementResult:
    return MovementResult(
        request.kind,
        outcome,
        None,
        request.charge_id,
        None,
        error_code=code,
        message=message,
        reason=request.reason,
        key=request.key,
        metadata=request.metadata,
        raw_sha256=sha256(body or {"error": code}),
    )


def move(client: StripeClient, request: MovementRequest) -> MovementResult:
    return {Movement.CAPTURE: _capture, Movement.VOID: _void, Movement.REFUND: _refund}[request.kind](client, request)


def _capture(client: StripeClient, request: MovementRequest) -> MovementResult:
    intent = client.v1.payment_intents.capture(
        request.charge_id,
        {"amount_to_capture": to_stripe(request.amount), "metadata": request.metadata, "expand": charges.WITH},
        {"idempotency_key": request.key},
    )
    return _captured(request, intent)


def _void(client: StripeClient, request: MovementRequest) -> MovementResult:
    """Stripe asks for no amount, so it is compared before: what is voided must be what was meant."""
    held = reading.money(client.v1.payment_intents.retrieve(request.charge_id).to_dict())
    if held != request.amount:
        return _failed(request, Outcome.FAILED, "idempotency_conflict", "Another amount is held.")
    intent = client.v1.payment_intents.cancel(
        request.charge_id, {"expand": charges.WITH}, {"idempotency_key": request.key}
    )
    return _voided(request, intent)


def _refund(client: StripeClient, request: MovementRequest) -> MovementResult:
    params: RefundCreateParams = {
        "payment_intent": request.charge_id,
        "amount": to_stripe(request.amount),
        "metadata": {**request.metadata, reading.KEY: request.key},
    }
    if request.reason in REASONS:
        params["reason"] = request.reason
    elif request.reason:
        params["metadata"] = {**request.metadata, reading.KEY: request.key, reading.REASON: request.reason[:500]}
    return refunded(client.v1.refunds.create(params, {"idempotency_key": request.key}).to_dict())


def _captured(request: MovementRequest, intent: PaymentIntent) -> MovementResult:
    if intent.status != "succeeded":
        return _not_any_more(request, intent)
    return _done(request, intent, intent.amount_received)


def _voided(request: MovementRequest, intent: PaymentIntent) -> MovementResult:
    if intent.status != "canceled":
        return _not_any_more(request, intent)
    return _done(request, intent, intent.amount)


def _done(request: MovementRequest, intent: PaymentIntent, minor: int) -> MovementResult:
    facts = intent.to_dict()
    return MovementResult(
        request.kind,
        Outcome.SUCCEEDED,
        facts["id"],
        facts["id"],
        reading.money(facts, minor),
        reference=reading.id_of(facts.get("latest_charge")) or "",
        reason=request.reason,
        key=request.key,
        metadata=request.metadata,
        raw_sha256=sha256(facts),
    )


def _not_any_more(request: MovementRequest, intent: PaymentIntent) -> MovementResult:
    """An authorization ends in one way only; this one had ended, or was not yet one."""
    if intent.status == "processing":
        return _failed(request, Outcome.UNKNOWN, None, "Stripe is still working on it.")
    word = {"succeeded": "captured", "canceled": "voided"}.get(intent.status, "not authorized")
    return _failed(request, Outcome.FAILED, "payment_intent_unexpected_state", f"The charge is {word}.")


def refunded(refund: Fact) -> MovementResult:
    outcome = REFUNDED[refund["status"]]
    metadata = reading.words(refund.get("metadata"))
    key, given = metadata.pop(reading.KEY, None), metadata.pop(reading.REASON, "")
    failed = outcome is Outcome.FAILED
    return MovementResult(
        Movement.REFUND,
        outcome,
        refund["id"],
        reading.charge_id(refund),
        reading.money(refund),
        reference=_reference(refund),
        error_code=str(refund.get("failure_reason") or refund["status"]) if failed else None,
        message="The refund did not reach the card and came back to us." if failed else "",
        reason=given or str(refund.get("reason") or ""),
        key=key,
        metadata=metadata,
        raw_sha256=sha256(refund),
    )


def _reference(refund: Fact) -> str:
    """What the cardholder's bank can find it by, once there is one."""
    card: Any = (refund.get("destination_details") or {}).get("card") or {}
    return str(card.get("reference") or "")


def look_up(client: StripeClient, request: MovementRequest, provider_id: str | None) -> MovementResult | None:
    if request.kind is Movement.REFUND:
        return retrieve_refund(client, provider_id) if provider_id else _find_refund(client, request)
    try:
        intent = client.v1.payment_intents.retrieve(request.charge_id, {"expand": charges.WITH})
    except StripeError as error:
        if missing(error):
            return None
        raise
    if intent.status == "requires_capture":
        return None
    return (_captured if request.kind is Movement.CAPTURE else _voided)(request, intent)


def _find_refund(client: StripeClient, request: MovementRequest) -> MovementResult | None:
    """By our key, among all refunds of the charge."""
    listed = client.v1.refunds.list({"payment_intent": request.charge_id, "limit": 100})
    found = (refund.to_dict() for refund in listed.auto_paging_iter())
    ours = (refund for refund in found if reading.words(refund.get("metadata")).get(reading.KEY) == request.key)
    return next((refunded(refund) for refund in ours), None)


def retrieve_refund(client: StripeClient, provider_id: str) -> MovementResult | None:
    try:
        return refunded(client.v1.refunds.retrieve(provider_id).to_dict())
    except StripeError as error:
        if missing(error):
            return None
        raise
