"""Form keys: minted when a form is rendered, so that pressing twice is asking once (invariants 10, 11)."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from sqlalchemy import bindparam, insert, select

from .db import read_columns, write
from .errors import Refusal
from .models.job import FormKey

KNOWN = select(FormKey.fingerprint, FormKey.result).where(FormKey.key == bindparam("key"))
ANSWER = insert(FormKey)


def mint_form_key() -> str:
    return secrets.token_urlsafe(18)


def fingerprint(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def result(key: str) -> dict[str, Any] | None:
    """What the key was answered with before, whatever the content; only a hint, `answered` decides under the lock."""
    found = read_columns(KNOWN, key=key).one_or_none()
    return found.result if found else None


def answered(key: str | None, content: Any) -> dict[str, Any] | None:
    """What this key was answered with before, or None if it is new. Call inside transaction(), after the first lock.
    Without a key, where no form asks but a command, everything is new.

    Raises Refusal `key_reused` if the same form came back with other content.
    """
    if key is None:
        return None
    row = read_columns(KNOWN, key=key).one_or_none()
    if row is None:
        return None
    if row.fingerprint != fingerprint(content):
        raise Refusal("key_reused", "This form was already sent with other content. Reload the page and try again.")
    return dict(row.result)


def remember(key: str | None, content: Any, **result: Any) -> None:
    """Store the answer beside the fact, in the same transaction. A concurrent twin fails on the primary key."""
    if key is None:
        return
    write(ANSWER, key=key, fingerprint=fingerprint(content), result=result)
