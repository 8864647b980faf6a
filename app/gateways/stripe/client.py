"""Speaking to Stripe, and what it means when that goes wrong."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import stripe
from stripe import HTTPClient, RequestsClient, StripeClient, StripeError

from ...values import Value
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


class Unreached(stripe.APIConnectionError):
    """No connection came about, in this try or an earlier one under the same key: not one byte has left."""


class Line(RequestsClient):
    """Knows of what it could not deliver whether any of it may have left."""

    def __init__(self) -> None:
        super().__init__(timeout=(CONNECT_SECONDS, READ_SECONDS))
        self._left: deque[str] = deque(maxlen=10_000)

    def request(  # type: ignore[override]
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        key = (headers or {}).get("Idempotency-Key", "")
        try:
            return super().request(method, url, headers, post_data)
        except stripe.APIConnectionError as error:
            if not _never_connected(error.__cause__):
                self._left.append(key)
            elif key not in self._left:
                raise Unreached(error.user_message, should_retry=True) from error  # type: ignore[no-untyped-call]
            raise


def _never_connected(cause: BaseException | None) -> bool:
    """By the names of the reasons that its library gives, for it is not ours to import."""
    reason = getattr(cause.args[0], "reason", None) if cause is not None and cause.args else None
    names = ("ConnectTimeout", "ConnectTimeoutError", "NewConnectionError", "NameResolutionError")
    return type(cause).__name__ in names or type(reason).__name__ in names


def http_client() -> HTTPClient:
    return Line()


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


class Failure(Value):
    """`body` is Stripe's error object, where there was one. Not `sent`: not one byte has left."""

    outcome: Outcome
    code: str
    message: str
    body: Fact
    sent: bool = True


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


# Of these Stripe complains without a code, and only when they are too large: what is too small is never sent.
BY_PARAM = {"amount": "amount_too_large", "amount_to_capture": "amount_too_large"}


def failure(error: Exception) -> Failure:
    """What an error of Stripe's client means. The words are ours, but for what Stripe says about card or request."""
    for kind, outcome, code, words in BY_KIND:
        if isinstance(error, kind):
            body = _body(error)
            told = "" if words else str(body.get("code") or BY_PARAM.get(str(body.get("param")), ""))
            sent = not isinstance(error, Unreached)
            return Failure(outcome, told or code, words or str(body.get("message") or ""), body, sent)
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
