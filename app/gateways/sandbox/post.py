"""How a sandbox gateway posts its events to us: in order, again until they are taken, or as nobody should believe them.

`current_app.extensions["sandbox_transport"]` may stand in for the network.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ... import clock
from ...db import assert_no_transaction
from . import books, notices
from .line import Rejected, new_ref
from .tables import Manner, SandboxDelivery, SandboxEvent, SandboxSwitch

# Address, body and headers; the status of the answer, or None if there was none.
Transport = Callable[[str, bytes, dict[str, str]], int | None]

EXTENSION = "sandbox_transport"
PATIENCE_SECONDS = 4
STALE = timedelta(minutes=10)
# How long a gateway waits before it sends again what was not taken; after the last one it gives up.
AGAIN_AFTER = tuple(timedelta(seconds=s) for s in (5, 30, 300, 3600))


def deliver(limit: int = 50) -> int:
    """Send what is due, oldest first, of every gateway that is not silent. Returns how many were taken."""
    with books.reading() as session:
        silent = select(SandboxSwitch.gateway).where(SandboxSwitch.silent_since.is_not(None))
        due = session.scalars(
            select(SandboxEvent.id)
            .where(SandboxEvent.send_after <= clock.now(), SandboxEvent.gateway.not_in(silent))
            .order_by(SandboxEvent.id)
            .limit(limit)
        ).all()
    taken = 0
    for event_id in due:
        status = post(event_id)
        if status is None:
            break  # nobody is there; the others would only wait as long again
        taken += _is_taken(status)
    return taken


def post(event_id: int, manner: Manner = Manner.TRUE) -> int | None:
    """Post one event now, whatever became of it before. The status of the answer; None: nobody answered."""
    assert_no_transaction()
    with books.reading() as session:
        event = session.get_one(SandboxEvent, event_id)
        gateway = event.gateway
        body, headers = _written(event, manner)
    transport = cast(Transport, current_app.extensions.get(EXTENSION, over_http))
    status = transport(f"{current_app.config['BASE_URL']}/webhooks/{gateway}", body, headers)
    _note(event_id, manner, status)
    return status


def waiting(gateway: str) -> list[int]:
    """Events that were never taken, oldest first, whether they are due or held back."""
    with books.reading() as session:
        untaken = SandboxEvent.gateway == gateway, SandboxEvent.taken_at.is_(None)
        return list(session.scalars(select(SandboxEvent.id).where(*untaken).order_by(SandboxEvent.id)))


def delay(gateway: str, event_id: int, by: timedelta) -> None:
    """Send it later, and again if it was taken already. Raises Rejected."""
    with books.writing() as session:
        _found(session, gateway, event_id).send_after = clock.now() + by


def require(gateway: str, event_id: int) -> str:
    """Its type. Raises Rejected if the gateway has no such event."""
    with books.reading() as session:
        return _found(session, gateway, event_id).type


def _found(session: Session, gateway: str, event_id: int) -> SandboxEvent:
    event = session.get(SandboxEvent, event_id)
    if event is None or event.gateway != gateway:
        raise Rejected("no_such_event", "The sandbox has no such event.")
    return event


def _note(event_id: int, manner: Manner, status: int | None) -> None:
    with books.writing() as session:
        session.add(SandboxDelivery(event_id=event_id, manner=manner, status=status))
        if manner is not Manner.TRUE:
            return
        event = session.get_one(SandboxEvent, event_id)
        if status is not None and _is_taken(status):
            event.taken_at, event.send_after = event.taken_at or clock.now(), None
        elif event.send_after is not None:
            tries = session.scalar(
                select(func.count(SandboxDelivery.id)).where(
                    SandboxDelivery.event_id == event_id, SandboxDelivery.manner == Manner.TRUE
                )
            )
            pause = AGAIN_AFTER[(tries or 1) - 1 : tries]
            event.send_after = clock.now() + pause[0] if pause else None


def _is_taken(status: int) -> bool:
    return 200 <= status < 300


def _written(event: SandboxEvent, manner: Manner) -> tuple[bytes, dict[str, str]]:
    """Only a true one is to be believed; each of the others has one thing wrong with it, and an id of its own where it
    would be kept, so that it does not stand in the true one's way."""
    payload, at = dict(event.payload), clock.now()
    if manner is Manner.STALE:
        at -= STALE
    if manner is Manner.WRONG_ACCOUNT:
        payload |= {"account": f"not-{event.gateway}", "id": new_ref("evt")}
    if manner is Manner.WRONG_MODE:
        payload |= {"mode": "live", "id": new_ref("evt")}
    body = body_of(payload)
    headers = notices.signed(event.gateway, body, at)
    if manner is Manner.FORGED:
        headers[notices.HEADER] = headers[notices.HEADER].rpartition("=")[0] + "=" + "0" * 64
    return body, headers


def body_of(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload, separators=(",", ":"), sort_keys=True).encode()


class _Straight(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """A webhook follows nobody."""


def over_http(address: str, body: bytes, headers: dict[str, str]) -> int | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Straight)
    request = urllib.request.Request(address, body, headers, method="POST")
    try:
        with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return None
