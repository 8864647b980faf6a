"""What the mail service tells about mails that have left: signed by a keyed hash over time and body.

Countersign-Signature: t=1764500000,v1=<HMAC-SHA-256 of "1764500000." and the body, in hex>

{"id": "evt_1", "type": "bounced", "message_id": "<…>", "recipient": "ap@customer.example",
 "at": "2026-11-30T12:00:00Z", "reason": "550 no such user", "permanent": true}
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import Any

from flask import current_app

from .. import clock, typed
from ..values import Value

HEADER = "Countersign-Signature"
TOLERANCE_SECONDS = 300
TYPES = frozenset({"delivered", "bounced", "complained"})

_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


class BadReport(Exception):
    """`code`: forged, stale or unreadable."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Report(Value):
    """`address` is empty where the service does not say which recipient; `permanent` for what will never arrive."""

    reference: str
    type: str
    message_id: str
    address: str
    words: str
    permanent: bool
    at: datetime


def is_configured() -> bool:
    return bool(current_app.config["MAIL_WEBHOOK_SECRETS"])


def signed(body: bytes, at: datetime) -> dict[str, str]:
    """The header that goes with `body`."""
    stamp = int(at.timestamp())
    return {HEADER: f"t={stamp},v1={_digests(stamp, body)[0]}"}


def read(body: bytes, signature: str) -> Report:
    """Raises BadReport."""
    match = _SIGNATURE.fullmatch(signature)
    if match is None or not any(hmac.compare_digest(d, match[2]) for d in _digests(int(match[1]), body)):
        raise BadReport("forged")
    if abs(clock.now().timestamp() - int(match[1])) > TOLERANCE_SECONDS:
        raise BadReport("stale")
    try:
        return _report(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BadReport("unreadable") from error


def _report(payload: Any) -> Report:
    texts = {name: payload[name] for name in ("id", "type", "message_id")}
    texts["recipient"] = payload.get("recipient") or ""
    texts["reason"] = " ".join((payload.get("reason") or "").split())  # servers answer in several lines
    if not all(isinstance(text, str) and typed.kept(text) for text in texts.values()) or texts["type"] not in TYPES:
        raise ValueError("a text is none")
    if not 0 < len(texts["id"]) <= 100:
        raise ValueError("no id")
    at = datetime.fromisoformat(payload["at"]).astimezone(UTC) if payload.get("at") else clock.now()
    permanent = payload.get("permanent", True) is True
    short = texts["message_id"][:200], texts["recipient"][:320], texts["reason"][:500]
    return Report(texts["id"], texts["type"], *short, permanent, at)


def _digests(stamp: int, body: bytes) -> list[str]:
    said = f"{stamp}.".encode() + body
    secrets = current_app.config["MAIL_WEBHOOK_SECRETS"]
    return [hmac.new(secret.encode(), said, hashlib.sha256).hexdigest() for secret in secrets]
