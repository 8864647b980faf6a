"""One spelling for one content, so that equal things have equal hashes: JSON, keys sorted, numbers without padding."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form")


def dumps(content: Any) -> str:
    """Dicts, lists, strings, integers, booleans, None, dates and Decimals. Raises TypeError for anything else."""
    return json.dumps(
        content, default=_plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(content: Any) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(dumps(content).encode()).hexdigest()
