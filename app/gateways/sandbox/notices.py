"""How a sandbox gateway proves that an event is its own: a keyed hash over time and body, in a header."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from flask import current_app

from ... import clock
from ..notices import BadNotice, Notice, Subject

HEADER = "Sandbox-Signature"
TOLERANCE_SECONDS = 300

_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


def signed(gateway: str, body: bytes, at: datetime) -> dict[str, str]:
    """The headers that go with `body`."""
    stamp = int(at.timestamp())
    digest = _digests(gateway, stamp, body)[0]
    return {"Content-Type": "application/json", HEADER: f"t={stamp},v1={digest}"}


def read(gateway: str, body: bytes, headers: Mapping[str, str]) -> Notice:
    """Raises BadNotice."""
    given = {name.lower(): value for name, value in headers.items()}.get(HEADER.lower(), "")
    match = _SIGNATURE.fullmatch(given)
    if match is None or not any(hmac.compare_digest(d, match[2]) for d in _digests(gateway, int(match[1]), body)):
        raise BadNotice("forged", "The signature is missing or is not this gateway's.")
    if abs(clock.now().timestamp() - int(match[1])) > TOLERANCE_SECONDS:
        raise BadNotice("stale", "The event was signed too long ago, or in the future.")
    try:
        notice = _notice(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadNotice("unreadable", "The event is signed and makes no sense.") from error
    if notice.account != gateway:
        raise BadNotice("foreign", "The event is about another account.")
    return notice


def _notice(payload: dict) -> Notice:
    data = payload["data"]
    known = data["object"] in Subject.__members__.values()
    return Notice(
        event_id=str(payload["id"]),
        type=str(payload["type"]),
        subject=Subject(data["object"]) if known else Subject.OTHER,
        subject_id=data["id"],
        metadata={str(name): str(value) for name, value in data["metadata"].items()},
        mode=str(payload["mode"]),
        at=datetime.fromisoformat(payload["created"]).astimezone(UTC),
        account=str(payload["account"]),
    )


def _digests(gateway: str, stamp: int, body: bytes) -> list[str]:
    """By the secret of today, then by those that are being retired; each gateway's is its own."""
    keys = [current_app.config["SECRET_KEY"], *current_app.config.get("SECRET_KEY_FALLBACKS", ())]
    secrets = [_hmac(key.encode(), f"sandbox webhook {gateway}".encode()).encode() for key in keys]
    return [_hmac(secret, f"{stamp}.".encode() + body) for secret in secrets]


def _hmac(key: bytes, said: bytes) -> str:
    return hmac.new(key, said, hashlib.sha256).hexdigest()
