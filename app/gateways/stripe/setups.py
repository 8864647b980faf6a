"""Customers, and cards kept for them: SetupIntents confirmed in one request."""

from __future__ import annotations

from collections.abc import Callable

import stripe
from stripe import StripeClient, StripeError

from ..base import GatewayUnreachable, sha256
from ..outcome import CardFacts, Outcome
from ..setups import SetupRequest, SetupResult
from . import charges, reading
from .client import UNREADABLE, Fact, NotSetUp, failure, missing

WITH = ["payment_method"]


def guarded(ask: Callable[[], SetupResult]) -> SetupResult:
    """Whatever goes wrong is an outcome."""
    try:
        return ask()
    except (NotSetUp, StripeError, *UNREADABLE) as error:
        return reading.failed_setup(failure(error))


def unknown(message: str) -> SetupResult:
    return SetupResult(Outcome.UNKNOWN, None, message=message)


def ensure_customer(client: StripeClient, account_number: str, name: str, email: str, key: str) -> str:
    """Stripe's key has the facts in it: one customer for one set of them, and no conflict when they change."""
    facts = {"account": account_number, reading.KEY: key}
    customer = client.v1.customers.create(
        {"name": name, "metadata": facts, **({"email": email} if email else {})},
        {"idempotency_key": f"{key}-{sha256([account_number, name, email])[:16]}"},
    )
    return customer.id


def save(client: StripeClient, request: SetupRequest) -> SetupResult:
    intent = client.v1.setup_intents.create(
        {
            "confirm": True,
            "confirmation_token": request.instrument,
            "customer": request.customer_ref,
            "usage": "off_session",
            "allowed_payment_method_types": ["card"],
            "return_url": request.return_url,
            "metadata": {**request.metadata, reading.KEY: request.key},
            "expand": WITH,
        },
        {"idempotency_key": request.key},
    )
    return reading.setup(intent.to_dict())


def look_up(client: StripeClient, key: str, provider_id: str | None) -> SetupResult | None:
    """SetupIntents cannot be searched: without an id the list is read, newest first, until it ends or is too long."""
    if provider_id is not None:
        return _by_id(client, provider_id)
    listed = client.v1.setup_intents.list({"limit": 100, "expand": ["data.payment_method"]})
    intent, seen = charges.find(key, (i.to_dict() for i in listed.auto_paging_iter()))
    if intent is not None:
        return reading.setup(intent)
    if seen >= charges.MOST_LISTED:
        return unknown("There were too many saved cards to look through them all.")
    return None


def _by_id(client: StripeClient, provider_id: str) -> SetupResult | None:
    try:
        return reading.setup(client.v1.setup_intents.retrieve(provider_id, {"expand": WITH}).to_dict())
    except StripeError as error:
        if missing(error):
            return None
        raise


def detach(client: StripeClient, token: str) -> None:
    try:
        client.v1.payment_methods.detach(token)
    except stripe.InvalidRequestError as error:
        if not missing(error) and _attached(client, token):
            raise GatewayUnreachable("Stripe keeps this card and does not say why.") from error


def _attached(client: StripeClient, token: str) -> bool:
    return _retrieved(client, token) is not None


def saved_card(client: StripeClient, token: str) -> CardFacts | None:
    """A PaymentMethod that was detached stays to be read, without a customer, and is never charged or attached again
    (docs.stripe.com/api/payment_methods/detach)."""
    method = _retrieved(client, token)
    return reading.card_of(method) if method is not None else None


def _retrieved(client: StripeClient, token: str) -> Fact | None:
    """While it belongs to a customer."""
    try:
        method: Fact = client.v1.payment_methods.retrieve(token).to_dict()
    except StripeError as error:
        if missing(error):
            return None
        raise
    return method if method.get("customer") is not None else None
