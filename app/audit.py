"""The audit row that every change of money, permission or setting writes in its own transaction (invariant 24)."""

from __future__ import annotations

from typing import Any

from flask import has_request_context, request

from .db import db
from .models.company import Audit
from .models.machine import Actor


def note(action: str, subject: str, *, by: Actor, before: Any = None, after: Any = None) -> None:
    db.session.add(
        Audit(
            action=action,
            subject=subject,
            user_id=by.user_id,
            actor_name=by.name,
            before=before,
            after=after,
            address=(request.remote_addr or "") if has_request_context() else "",
        )
    )
