"""Charging: a PaymentIntent made and confirmed in one request, and found again whatever became of its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

import stripe
from stripe import StripeClient, StripeError

from ... import clock
from ..base import ChargeRequest, ChargeResult, sha256
from ..outcome import Outcome
from . import reading
from .amounts import NotRepresentable, to_stripe
from .client import UNREADABLE, Fact, NotSetUp, failure, missing

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams

WITH = ["latest_charge", "payment_method"]
IN_LISTS = [f"data.{name}" for name in WITH]

# Search lags behind by a minute, an hour at worst; what is younger is looked for in the list, which does not.
LISTED_FOR = timedelta(hours=3)
MOST_LISTED = 1000

# What card networks do not print on a statement.
UNPRINTABLE = re.compile(r"[^A-Za-z0-9 .,&#/+-]")


def guarded(ask: Callable[[], ChargeResult]) -> ChargeResult:
    """Whatever goes wrong is an outcome."""
    try:
        return ask()
    except NotRepresentable as odd:
        return refused("amount_not_representable", str(odd))
    except (NotSetUp, StripeError, *UNREADABLE) as error:
        return reading.failed_charge(failure(error))


def refused(code: str, message: str) -> ChargeResult:
    """Of what is not even sent."""
    digest = sha256({"error": code})
    return ChargeResult(Outcome.FAILED, None, None, decline_code=code, message=message, raw_sha256=digest)


def unknown(message: str) -> ChargeResult:
    return ChargeResult(Outcome.UNKNOWN, None, None, message=message)


def charge(client: StripeClient, request: ChargeRequest) -> ChargeResult:
    intent = client.v1.payment_intents.create(params(request), {"idempotency_key": request.key})
    return reading.charge(intent.to_dict())


def params(request: ChargeRequest) -> PaymentIntentCreateParams:
    """Cards only. A client secret stays at Stripe: who must confirm is sent there by redirect and comes back."""
    found: PaymentIntentCreateParams = {
        "amount": to_stripe(request.amount),
        "currency": request.amount.currency.lower(),
        "confirm": True,
        "allowed_payment_method_types": ["card"],
        "capture_method": "automatic" if request.capture else "manual",
        "metadata": {**request.metadata, reading.KEY: request.key},
        "expand": WITH,
    }
    if request.instrument is not None:
        found["confirmation_token"] = request.instrument
    if request.token is not None:
        found["payment_method"] = request.token
    if request.customer_ref is not None:
        found["customer"] = request.customer_ref
    if request.save:
        found["setup_future_usage"] = "off_session"
    if suffix := printable(request.descriptor):
        found["statement_descriptor_suffix"] = suffix
    if request.off_session:
        found["off_session"] = True
    else:
        found["return_url"] = request.return_url
    return found


def printable(descriptor: str) -> str:
    """What of it may stand on a statement: 22 characters at most, and at least one letter, else nothing."""
    found = UNPRINTABLE.sub("", descriptor)[:22].strip()
    return found if any(c.isalpha() for c in found) else ""


def look_up(client: StripeClient, key: str, provider_id: str | None) -> ChargeResult | None:
    """None only when sure: not in the list of the last hours, and not in what search knows of the time before."""
    if provider_id is not None:
        return _by_id(client, provider_id)
    since = int((clock.now() - LISTED_FOR).timestamp())
    listed = client.v1.payment_intents.list({"created": {"gte": since}, "limit": 100, "expand": IN_LISTS})
    intent, seen = find(key, (i.to_dict() for i in listed.auto_paging_iter()))
    if intent is None:
        query = f"metadata['{reading.KEY}']:'{key}'"
        searched = client.v1.payment_intents.search({"query": query, "limit": 2, "expand": IN_LISTS})
        intent, _ = find(key, (i.to_dict() for i in searched.data))
    if intent is not None:
        return reading.charge(intent)
    if seen >= MOST_LISTED:
        return unknown("There were too many payments to look through them all; it is asked again.")
    return None


def _by_id(client: StripeClient, provider_id: str) -> ChargeResult | None:
    try:
        return retrieve(client, provider_id)
    except StripeError as error:
        if missing(error):
            return None
        raise


def find(key: str, intents: Iterable[Fact]) -> tuple[Fact | None, int]:
    """The one that carries our key, and how many were looked at."""
    seen = 0
    for intent in intents:
        if reading.words(intent.get("metadata")).get(reading.KEY) == key:
            return intent, seen
        if (seen := seen + 1) >= MOST_LISTED:
            break
    return None, seen


def retrieve(client: StripeClient, provider_id: str) -> ChargeResult:
    return reading.charge(client.v1.payment_intents.retrieve(provider_id, {"expand": WITH}).to_dict())


def cancel(client: StripeClient, provider_id: str, key: str) -> ChargeResult:
    """What cannot be cancelled any more tells what it has become."""
    try:
        intent = client.v1.payment_intents.cancel(
            provider_id,
            {"cancellation_reason": "abandoned", "expand": WITH},
            {"idempotency_key": f"{key}-cancel"},
        )
    except stripe.InvalidRequestError:
        return retrieve(client, provider_id)
    return reading.charge(intent.to_dict())
