"""Guessing passwords gets slow; the owner does not get locked out.

Each try is counted before the password is looked at, by account and address together: after a few, every further one
doubles the wait. Guesses from many addresses are counted by account as well, with a short longest wait. A browser that
has signed in to the account before carries a device cookie and is counted by itself, so neither slows it down.
Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

from __future__ import annotations

import hashlib
import secrets
from time import time
from typing import Any

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeSerializer
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from redis.exceptions import RedisError
from werkzeug.wrappers import Response

from ...values import Value

COOKIE = "countersign-device"
COOKIE_SECONDS = 180 * 24 * 3600
REMEMBERED_SECONDS = 3600


class Counter(Value):
    """`free` tries an hour, then waits of 2, 4, 8 … seconds up to `longest`."""

    key: str
    free: int
    longest: int


def seconds_to_wait(email: str) -> int:
    """0 if a try is allowed now."""
    return max((_remaining(counter) for counter in _counters(email)), default=0)


def count(email: str) -> None:
    for counter in _counters(email):
        tries = _call("incr", f"{counter.key}:tries", REMEMBERED_SECONDS)
        if tries >= counter.free:
            _call("incr", f"{counter.key}:wait", min(2 ** min(tries - counter.free + 1, 20), counter.longest))


def forgive(email: str) -> None:
    """After a success: this browser and address start anew; the count of the account stays, others may be guessing."""
    for counter in _counters(email):
        if not counter.key.startswith("account:"):
            _call("clear", f"{counter.key}:tries")


def remember_device(response: Response, email: str) -> None:
    response.set_cookie(
        COOKIE,
        _signer().dumps([_fingerprint(email), secrets.token_urlsafe(9)]),
        max_age=COOKIE_SECONDS,
        path="/sign-in",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def _counters(email: str) -> tuple[Counter, ...]:
    if not current_app.config["RATE_LIMITS"]:
        return ()
    account, device = _fingerprint(email), _device(email)
    if device:
        return (Counter(f"device:{device}", free=10, longest=300),)
    return (
        Counter(f"pair:{account}:{request.remote_addr}", free=5, longest=900),
        Counter(f"account:{account}", free=50, longest=30),
    )


def _device(email: str) -> str | None:
    try:
        account, nonce = _signer().loads(request.cookies.get(COOKIE, ""))
    except (BadSignature, ValueError, TypeError):
        return None
    return str(nonce) if account == _fingerprint(email) else None


def _remaining(counter: Counter) -> int:
    key = f"{counter.key}:wait"
    return max(round(_call("get_expiry", key) - time() + 0.5), 1) if _call("get", key) else 0


def _fingerprint(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()[:24]


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="device")


def _call(method: str, *args: object) -> float:
    """On the shared store; on this process's memory while that cannot be reached."""
    shared, own = _stores()
    try:
        return float(getattr(shared, method)(*args) or 0)
    except (RedisError, StorageError, OSError):
        return float(getattr(own, method)(*args) or 0)


def _stores() -> tuple[Any, Any]:
    stores = current_app.extensions.get("sign_in_throttle")
    if stores is None:
        options = current_app.config["RATELIMIT_STORAGE_OPTIONS"] if current_app.config["REDIS_URL"] else {}
        shared = storage_from_string(current_app.config["RATELIMIT_STORAGE_URI"], **options)
        stores = current_app.extensions["sign_in_throttle"] = (shared, MemoryStorage())
    return stores
