"""What a sandbox gateway has to tell us: one event for each change of its books, queued in the same breath."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ... import clock
from ..notices import Subject
from .line import new_ref
from .tables import SandboxEvent

WRITE_EVENT = insert(SandboxEvent)


def queue(
    session: Session, gateway: str, subject: Subject, what: str, ref: str, metadata: dict[str, Any] | None = None
) -> dict[str, Any]:
    """`what` became of it: the event's type is "<subject>.<what>". Gives its payload."""
    event_ref, type_, now = new_ref("evt"), f"{subject}.{what}", clock.now()
    payload = {
        "id": event_ref,
        "type": type_,
        "account": gateway,
        "mode": "test",
        "created": now.isoformat(),
        "data": {"object": str(subject), "id": ref, "metadata": metadata or {}},
    }
    values = {
        "ref": event_ref,
        "gateway": gateway,
        "type": type_,
        "subject": subject,
        "subject_ref": ref,
        "payload": payload,
    }
    session.connection().execute(WRITE_EVENT, values)
    return payload
