"""Whether an account can be used: its secrets, what Stripe says of it, and whether our address hears of events."""

from __future__ import annotations

from collections.abc import Iterator

import stripe
from flask import current_app
from stripe import StripeClient, StripeError

from ..base import GatewayAccount
from .client import UNREADABLE, NotSetUp, connect, failure
from .keys import Keys

# What an endpoint must send for our books to follow Stripe's.
EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payment_method.updated",
    "payout.canceled",
    "payout.created",
    "payout.failed",
    "payout.paid",
    "payout.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
    "setup_intent.canceled",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
)


def check(account: GatewayAccount, keys: Keys) -> list[str]:
    found = [*keys.faults(), *keys.field_faults(), *keys.notice_faults()]
    try:
        client = connect(keys)
        return [*found, *_account_faults(client, keys), *_endpoint_faults(client, account)]
    except NotSetUp:
        return found
    except (StripeError, *UNREADABLE) as error:
        return [*found, failure(error).message]


def _account_faults(client: StripeClient, keys: Keys) -> Iterator[str]:
    try:
        facts = client.v1.accounts.retrieve_current().to_dict()
    except stripe.PermissionError:
        # A restricted key need not be able to read the account; whether it can charge, only a charge would show.
        yield f"{keys.named}SECRET_KEY may not read the account, so it was not looked at; allow it to read “Accounts”."
        return
    except stripe.AuthenticationError:
        yield f"Stripe does not accept {keys.named}SECRET_KEY. It may have been rolled or deleted there."
        return
    if keys.mode == "live" and not facts.get("charges_enabled"):
        yield "Stripe does not let this account charge cards yet; its dashboard says what is missing."
    if keys.mode == "live" and not facts.get("payouts_enabled"):
        yield "Stripe does not pay out to this account yet; its dashboard says what is missing."


def _endpoint_faults(client: StripeClient, account: GatewayAccount) -> Iterator[str]:
    """Of the endpoint with our address; a key that may not look is no fault."""
    ours = f"{current_app.config['BASE_URL']}/webhooks/{account.key}"
    try:
        found = [e.to_dict() for e in client.v1.webhook_endpoints.list({"limit": 100}).data]
    except (stripe.PermissionError, stripe.AuthenticationError):
        return
    endpoint = next((e for e in found if e.get("url") == ours), None)
    if endpoint is None:
        yield f"Stripe has no webhook endpoint with the address {ours}; it will tell nothing by itself."
        return
    if endpoint.get("status") != "enabled":
        yield f"The webhook endpoint {ours} is switched off at Stripe."
    sent = set(endpoint.get("enabled_events") or ())
    if "*" not in sent and (left_out := [event for event in EVENTS if event not in sent]):
        yield f"The webhook endpoint {ours} does not send: {', '.join(left_out)}."
