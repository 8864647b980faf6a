"""The audit row that every change of money, permission or setting writes in its own transaction (invariant 24)."""

from __future__ import annotations

from typing import Any

from flask import has_request_context, request
from sqlalchemy import insert

from . import clock
from .db import append
from .models.company import Audit
from .models.machine import Actor
from .money import Money

ROW = insert(Audit)


def note(action: str, subject: str, *, by: Actor, before: Any = None, after: Any = None) -> None:
    """`action` is «noun.verb»; `before` and `after` are plain values, Money among them, alone or by name."""
    append(
        ROW,
        action=action,
        subject=subject,
        user_id=by.user_id,
        actor_name=by.name,
        before=_plain(before),
        after=_plain(after),
        address=(request.remote_addr or "") if has_request_context() else "",
        at=clock.now(),
    )


def _plain(value: Any) -> Any:
    """For JSON; Money as it is read, `410.55 EUR`."""
    if isinstance(value, Money):
        return f"{value.major} {value.currency}"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
