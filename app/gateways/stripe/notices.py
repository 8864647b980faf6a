"""Stripe's events: proven by their signature and age, and read for what they are about."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta

from stripe import SignatureVerificationError, WebhookSignature

from ... import clock
from ..notices import BadNotice, Notice, Subject
from . import reading
from .client import UNREADABLE, Fact
from .keys import Keys

TOLERANCE = timedelta(seconds=300)

SUBJECTS = {
    "payment_intent": Subject.CHARGE,
    "charge": Subject.CHARGE,
    "refund": Subject.REFUND,
    "dispute": Subject.DISPUTE,
    "payout": Subject.PAYOUT,
    "setup_intent": Subject.SETUP,
    "payment_method": Subject.METHOD,
}


def read_notice(keys: Keys, body: bytes, headers: Mapping[str, str]) -> Notice:
    signature = next((v for k, v in headers.items() if k.lower() == "stripe-signature"), "")
    _prove(keys, body, signature)
    try:
        return notice(json.loads(body))
    except UNREADABLE as error:
        raise BadNotice("unreadable", "The event is proven but cannot be read.") from error


def _prove(keys: Keys, body: bytes, signature: str) -> None:
    """By any of the secrets, so that one can be replaced by another. Raises BadNotice."""
    if faults := keys.notice_faults():
        raise BadNotice("forged", faults[0])
    if not any(_signed(body, signature, secret) for secret in keys.webhook_secrets):
        raise BadNotice("forged", "The signature is none of Stripe's for this account.")
    stamp = re.search(r"(?:^|,)t=(\d+)", signature)
    if stamp is None or abs(clock.now() - reading.instant(int(stamp[1]))) > TOLERANCE:
        raise BadNotice("stale", "The event was signed more than 300 seconds from now.")


def _signed(body: bytes, signature: str, secret: str) -> bool:
    try:
        return bool(WebhookSignature.verify_header(body, signature, secret))
    except (SignatureVerificationError, UnicodeDecodeError):
        return False


def notice(event: Fact) -> Notice:
    """By the object that it carries: types are many and grow, what they are about does not."""
    thing = (event.get("data") or {}).get("object") or {}
    kind = thing.get("object") if isinstance(thing.get("object"), str) else ""
    subject = SUBJECTS.get(kind or "", Subject.OTHER)
    about = reading.charge_id(thing) if kind == "charge" else thing.get("id")
    return Notice(
        event_id=event["id"],
        type=event["type"],
        subject=subject,
        subject_id=about if subject is not Subject.OTHER else None,
        metadata=reading.words(thing.get("metadata")) if subject is not Subject.OTHER else {},
        mode="live" if event["livemode"] else "test",
        at=reading.instant(event["created"]),
        account=event.get("account"),
    )
