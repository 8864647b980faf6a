"""One spelling for one content, so that equal things have equal hashes: JSON, keys sorted, numbers without padding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError(f"{value} is a float; amounts are integers, rates are Decimals")
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for part in parts:
        _refuse_floats(part)


def dumps(content: Any) -> str:
    """Dicts, lists, strings, integers, booleans, None, dates and Decimals. Raises TypeError for anything else."""
    _refuse_floats(content)
    return json.dumps(
        content, default=_plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(content: Any) -> str:
    """SHA-256 of the canonical form, in hex."""
    return sha256(dumps(content))


def sha256(text: str) -> str:
    """In hex, of a text as UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()
