"""Stripe's objects, as plain values, turned into our results. Nothing here speaks to anybody."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from ...money import Money
from ..base import ChargeResult, sha256
from ..outcome import CardFacts, Outcome
from ..setups import SetupResult
from .amounts import from_stripe
from .client import Fact, Failure

# The name under which our idempotency key travels with everything we make at Stripe.
KEY = "idempotency_key"

BRANDS = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "eftpos",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}

# The words a refund was given, where they are none of Stripe's three reasons.
REASON = "reason_given"

# Stripe's own names for what our table of declines knows by another one.
CODES = {
    "payment_intent_authentication_failure": "authentication_failed",
    "setup_intent_authentication_failure": "authentication_failed",
}

CANCELLED = "The charge was cancelled before it was confirmed."


def charge(intent: Fact) -> ChargeResult:
    """What a PaymentIntent, with its payment method and charge expanded, says of itself."""
    status = intent["status"]
    if status in ("succeeded", "requires_capture"):
        return _paid(intent)
    if status == "requires_action":
        return _charge(intent, Outcome.REQUIRES_ACTION, next_action=next_action(intent))
    if status == "processing":
        return _charge(intent, Outcome.PENDING)
    if status == "canceled":
        return _charge(intent, Outcome.FAILED, decline_code="cancelled", message=CANCELLED)
    if status == "requires_payment_method" and intent.get("last_payment_error"):
        return _declined(intent, intent["last_payment_error"])
    if status in ("requires_payment_method", "requires_confirmation"):
        return _charge(intent, Outcome.FAILED, decline_code="not_confirmed", message="It was never confirmed.")
    raise ValueError(f"a PaymentIntent of the status {status}")


def failed_charge(failure: Failure) -> ChargeResult:
    """What an error in the place of an answer says; a decline comes with the PaymentIntent it was about."""
    intent = failure.body.get("payment_intent")
    if failure.outcome is Outcome.DECLINED and isinstance(intent, dict):
        return _declined(intent, failure.body)
    declined = failure.outcome is Outcome.DECLINED
    unknown = failure.outcome is Outcome.UNKNOWN
    return ChargeResult(
        failure.outcome,
        None,
        None,
        decline_code=code_of(failure.body) if declined else None if unknown else failure.code,
        advice=failure.body.get("advice_code") if declined else None,
        message=failure.message,
        sent=failure.sent,
        raw_sha256=sha256(failure.body or {"error": failure.code}),
    )


def _paid(intent: Fact) -> ChargeResult:
    """Of what was to be held only, the amount is what was held: capturing is a movement of its own."""
    held = intent.get("capture_method") == "manual"
    result = _charge(intent, Outcome.SUCCEEDED, amount=intent["amount" if held else "amount_received"])
    saved = intent.get("setup_future_usage") == "off_session" and result.card is not None
    found = _charge_of(intent)
    until = _card_part(found.get("payment_method_details")).get("capture_before")
    return replace(
        result,
        action="authorize" if held else "charge",
        token=id_of(intent.get("payment_method")) if saved else None,
        customer_ref=id_of(intent.get("customer")) if saved else None,
        authorized_until=instant(until) if held and until else None,
    )


def _declined(intent: Fact, error: Fact) -> ChargeResult:
    return _charge(
        intent,
        outcome_of(error),
        **_words_of(error),
        card=card_of(error.get("payment_method")) or card_in(intent),
    )


def _charge(intent: Fact, outcome: Outcome, *, amount: int | None = None, **more: Any) -> ChargeResult:
    minor = intent["amount"] if amount is None else amount
    facts = {"card": card_in(intent), "reference": id_of(intent.get("latest_charge")) or ""} | more
    return ChargeResult(
        outcome, intent["id"], from_stripe(minor, intent["currency"]), raw_sha256=sha256(intent), **facts
    )


def setup(intent: Fact) -> SetupResult:
    """What a SetupIntent, with its payment method expanded, says of itself."""
    outcome, more = _setup_outcome(intent)
    method = intent.get("payment_method")
    error = intent.get("last_setup_error") or {}
    kept = outcome is Outcome.SUCCEEDED
    return SetupResult(
        outcome,
        intent["id"],
        token=id_of(method) if kept else None,
        customer_ref=id_of(intent.get("customer")),
        card=card_of(method) or card_of(error.get("payment_method")),
        raw_sha256=sha256(intent),
        **more,
    )


def _setup_outcome(intent: Fact) -> tuple[Outcome, dict[str, Any]]:
    status, error = intent["status"], intent.get("last_setup_error")
    if status == "succeeded":
        return Outcome.SUCCEEDED, {}
    if status == "requires_action":
        return Outcome.REQUIRES_ACTION, {"next_action": next_action(intent)}
    if status == "processing":
        return Outcome.PENDING, {}
    if status == "canceled":
        return Outcome.FAILED, {"decline_code": "cancelled", "message": "Saving the card was cancelled."}
    if status == "requires_payment_method" and error:
        return outcome_of(error), _words_of(error)
    if status in ("requires_payment_method", "requires_confirmation"):
        return Outcome.FAILED, {"decline_code": "not_confirmed", "message": "It was never confirmed."}
    raise ValueError(f"a SetupIntent of the status {status}")


def failed_setup(failure: Failure) -> SetupResult:
    intent = failure.body.get("setup_intent") or {}
    if failure.outcome is Outcome.DECLINED:
        words = _words_of(failure.body)
    else:
        unknown = failure.outcome is Outcome.UNKNOWN
        words = {"decline_code": None if unknown else failure.code, "message": failure.message}
    digest = sha256(failure.body or {"error": failure.code})
    return SetupResult(
        failure.outcome, intent.get("id"), card=card_of(failure.body.get("payment_method")), raw_sha256=digest, **words
    )


def _words_of(error: Fact) -> dict[str, Any]:
    return {
        "decline_code": code_of(error),
        "advice": error.get("advice_code"),
        "message": str(error.get("message") or ""),
    }


def next_action(intent: Fact) -> dict[str, str] | None:
    """Where the payer is asked. We never ask for Stripe's script to handle it, so it is a redirect or nothing."""
    redirect = (intent.get("next_action") or {}).get("redirect_to_url") or {}
    return {"kind": "redirect", "url": redirect["url"]} if redirect.get("url") else None


def outcome_of(error: Fact) -> Outcome:
    """Of an error kept with an intent: whether somebody declined, or it could not be tried at all."""
    declined = error.get("type", "card_error") == "card_error" or error.get("code") in CODES
    return Outcome.DECLINED if declined else Outcome.FAILED


def code_of(error: Fact) -> str:
    """The bank's reason where it gave one, else Stripe's."""
    kind = error.get("type", "card_error")
    fallback = "card_declined" if kind == "card_error" else kind
    code = str(error.get("decline_code") or error.get("code") or fallback)
    return CODES.get(code, code)


def card_in(intent: Fact) -> CardFacts | None:
    """From the payment method if it came along, else from the charge."""
    found = _charge_of(intent)
    details = {"card": _card_part(found.get("payment_method_details")), "billing_details": found.get("billing_details")}
    return card_of(intent.get("payment_method")) or card_of(details)


def card_of(method: Any) -> CardFacts | None:
    """Of a PaymentMethod, or of anything with its `card` and `billing_details`; None where there is no card in it."""
    card = _card_part(method)
    if not card.get("last4"):
        return None
    brand = str(card.get("brand") or "card")
    return CardFacts(
        brand=BRANDS.get(brand, brand.replace("_", " ").capitalize()),
        last4=card["last4"],
        exp_month=int(card["exp_month"]),
        exp_year=int(card["exp_year"]),
        holder=str((method.get("billing_details") or {}).get("name") or ""),
        fingerprint=str(card.get("fingerprint") or ""),
    )


def _card_part(method: Any) -> Fact:
    card = method.get("card") if isinstance(method, dict) else None
    return card if isinstance(card, dict) else {}


def _charge_of(intent: Fact) -> Fact:
    found = intent.get("latest_charge")
    return found if isinstance(found, dict) else {}


def id_of(thing: Any) -> str | None:
    """The id of what is expanded or not; None for nothing."""
    return thing["id"] if isinstance(thing, dict) else thing or None


def charge_id(thing: Fact) -> str | None:
    """What we know a charge by: its PaymentIntent; by itself where it has none."""
    if thing.get("object") == "charge":
        return id_of(thing.get("payment_intent")) or str(thing["id"])
    return id_of(thing.get("payment_intent")) or id_of(thing.get("charge"))


def money(thing: Fact, minor: int | None = None) -> Money:
    return from_stripe(thing["amount"] if minor is None else minor, thing["currency"])


def instant(seconds: int | float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def words(metadata: Any) -> dict[str, str]:
    """Metadata as we gave it."""
    return {str(k): str(v) for k, v in (metadata or {}).items()}
