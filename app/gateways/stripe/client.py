"""Speaking to Stripe, and what it means when that goes wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import stripe
from stripe import HTTPClient, RequestsClient, StripeClient, StripeError

from ..base import GatewayUnreachable
from ..outcome import Outcome
from .keys import Keys

CONNECT_SECONDS, READ_SECONDS = 3, 20
# Each POST carries a key of ours, so that sending it once more cannot act twice; a payer waits no longer than that.
RETRIES = 1

# What a broken answer looks like to whoever reads it.
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError)

T = TypeVar("T")
Fact = dict[str, Any]


class NotSetUp(Exception):
    """The secrets do not allow a single request; nothing was sent."""


def http_client() -> HTTPClient:
    return RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS))


def connect(keys: Keys) -> StripeClient:
    """Raises NotSetUp."""
    if faults := keys.faults():
        raise NotSetUp(" ".join(faults))
    return _connected(keys.secret, keys.api_base, os.getpid())


@lru_cache(maxsize=32)
def _connected(secret: str, base: str, process: int) -> StripeClient:
    """One a process and account: its connections stay open, and must not be shared with a forked child."""
    return StripeClient(
        secret,
        base_addresses={"api": base, "files": base} if base else None,
        max_network_retries=RETRIES,
        http_client=http_client(),
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """`body` is Stripe's error object, where there was one."""

    outcome: Outcome
    code: str
    message: str
    body: Fact


BY_KIND: tuple[tuple[type[Exception], Outcome, str, str], ...] = (
    (NotSetUp, Outcome.FAILED, "gateway_not_set_up", "This gateway is not set up; nothing was sent to Stripe."),
    (stripe.CardError, Outcome.DECLINED, "card_declined", ""),
    (stripe.RateLimitError, Outcome.UNKNOWN, "rate_limit", "Stripe was asked too often and did not look at this."),
    (
        stripe.IdempotencyError,
        Outcome.FAILED,
        "idempotency_conflict",
        "The same key was used before for another request.",
    ),
    (stripe.AuthenticationError, Outcome.FAILED, "authentication_error", "Stripe does not accept our secret key."),
    (stripe.PermissionError, Outcome.FAILED, "permission_error", "Our key may not do this at Stripe."),
    (stripe.InvalidRequestError, Outcome.FAILED, "invalid_request", ""),
    (stripe.APIConnectionError, Outcome.UNKNOWN, "no_answer", "Stripe did not answer."),
    (StripeError, Outcome.UNKNOWN, "api_error", "Stripe could not say what became of this."),
)


def failure(error: Exception) -> Failure:
    """What an error of Stripe's client means. The words are ours, but for what Stripe says about card or request."""
    for kind, outcome, code, words in BY_KIND:
        if isinstance(error, kind):
            body = _body(error)
            told = str(body.get("code") or "") if not words else ""
            return Failure(outcome, told or code, words or str(body.get("message") or ""), body)
    return Failure(Outcome.UNKNOWN, "unreadable_answer", "Stripe's answer could not be read.", {})


def _body(error: Exception) -> Fact:
    answer = error.json_body if isinstance(error, StripeError) else None
    found = answer.get("error") if isinstance(answer, dict) else None
    return found if isinstance(found, dict) else {}


def missing(error: StripeError) -> bool:
    """Whether Stripe said that there is no such thing."""
    return isinstance(error, stripe.InvalidRequestError) and (
        error.code == "resource_missing" or error.http_status == 404
    )


def told(ask: Callable[[], T], unknown: Callable[[str], T]) -> T:
    """For asking what became of something: not being able to ask says nothing about it, so it stays unknown."""
    try:
        return ask()
    except (NotSetUp, StripeError, *UNREADABLE) as error:
        return unknown(failure(error).message)


def asking(question: Callable[[], T]) -> T:
    """For what moves no money. Raises GatewayUnreachable, in words, where there is no answer to be had."""
    try:
        return question()
    except (NotSetUp, StripeError, *UNREADABLE) as error:
        found = failure(error)
        raise GatewayUnreachable(f"{found.code}: {found.message}") from error
