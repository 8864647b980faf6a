"""Processor events: stored first, answered at once, and then only taken as a hint what to ask the gateway about.

Whatever order they come in, however often, years late: what is written down is what the gateway says when asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select

from ... import audit, clock, jobs
from ...access import Permission, demand
from ...db import db, end_read, get, insert_key, insert_once, lock, read_columns, transaction, write
from ...errors import NotFound, Refusal
from ...failpoints import failpoint
from ...gateways import registry
from ...gateways.base import sha256
from ...gateways.notices import BadNotice, Notice, Subject
from ...gateways.redaction import redact
from ...jobs import Later
from ...logs import log
from ...models import SYSTEM, Actor, Attempt, Gateway, NoticeWork, ProcessorEvent, RefusedNotices, Symptom, User
from ...states.notice import NoticeEvent, NoticeStatus
from ..methods import card_news
from ..office import escalations
from ..settlement import settlement
from . import disputes, inquiries, movement_calls

# An event may outrun the commit that it is about, never by long: then nothing of ours is meant. Unless the gateway
# still owes us the end of a payment: a refund, say, may be of that one, and is waited for as long as that may take.
PATIENCE = timedelta(minutes=10)
LONG_PATIENCE = timedelta(days=3)
PARKED_FOR = timedelta(seconds=20)
PARKED_FOR_LONG = timedelta(minutes=5)
# So far two clocks may be apart.
APART = timedelta(minutes=10)
# What was asked for so lately is still being done: a second person who presses the button changes nothing.
JUST_NOW = timedelta(seconds=30)


class NotOurs(Exception):
    """Nothing that we know of is meant, yet."""


class NoConcern(Exception):
    """Nothing of ours is meant, and need not be."""


GATEWAY = select(Gateway.id, Gateway.key, Gateway.kind, Gateway.mode, Gateway.currencies).where(
    Gateway.key == bindparam("key_")
)
WORK = insert(NoticeWork)


def take_in(gateway_key: str, body: bytes, headers: Mapping[str, str]) -> NoticeStatus | None:
    """Verify and store, and have it worked on; None if it was stored before. Raises NotFound, BadNotice."""
    found: Any = read_columns(GATEWAY, key_=gateway_key).one_or_none()
    if found is None:
        raise NotFound(f"gateway {gateway_key}")
    gateway_id, mode, adapter = found.id, found.mode, registry.get(found)
    end_read()
    try:
        notice = adapter.read_notice(body, headers)
    except BadNotice as bad:
        _count(gateway_id, bad.code)
        raise
    with transaction():
        return _store(gateway_id, mode, notice, body)


def _count(gateway_id: int, code: str) -> None:
    today = clock.now().date()
    log.warning("notices.refused", gateway=gateway_id, code=code)
    with transaction() as session:
        insert_once(RefusedNotices, gateway_id=gateway_id, day=today, code=code, count=0)
        row = session.get_one(RefusedNotices, (gateway_id, today, code), with_for_update=True, populate_existing=True)
        row.count += 1


def _store(gateway_id: int, mode: str, notice: Notice, body: bytes) -> NoticeStatus | None:
    fresh = insert_key(
        ProcessorEvent,
        gateway_id=gateway_id,
        event_id=notice.event_id,
        type=redact(notice.type),
        subject=notice.subject.value,
        subject_id=notice.subject_id,
        details=redact(notice.metadata),
        mode=notice.mode,
        account=notice.account,
        payload=redact(json.loads(body)),
        sha256=sha256(body),
        happened_at=notice.at,
    )
    if fresh is None:
        return None
    event_id: int = fresh[0]
    write(WORK, event_id=event_id, status=NoticeStatus.RECEIVED)
    if notice.mode != mode:
        _quarantine(event_id, notice, mode)
    else:
        jobs.stage("notices.work", key=f"notice-{event_id}", event_id=event_id)
    failpoint("notice.stored")
    return NoticeStatus.RECEIVED if notice.mode == mode else NoticeStatus.QUARANTINED


def _quarantine(event_id: int, notice: Notice, mode: str) -> None:
    work, because = _work_of(event_id), f"It is about {notice.mode} money, and the gateway is a {mode} one."
    work.error = because
    work.transition(NoticeEvent.QUARANTINE, by=SYSTEM, because=because)
    escalations.open(Symptom.QUARANTINED, work, notice.event_id, because, type=notice.type)


@jobs.handler("notices.work", tries=1)
def work_on(event_id: int) -> None:
    """Ask the gateway about what the event is about, and write down what it says."""
    event = get(ProcessorEvent, event_id)
    hear, age = HEARERS.get(Subject(event.subject)), clock.now() - event.received_at
    if hear is None:
        return _move(event_id, NoticeEvent.IGNORE)
    try:
        hear(event)
    except NoConcern:
        return _move(event_id, NoticeEvent.IGNORE)
    except NotOurs as stranger:
        if age < PATIENCE or (age < LONG_PATIENCE and _waits_for_an_end(event)):
            _move(event_id, NoticeEvent.PARK, str(stranger))
            wait = PARKED_FOR if age < PATIENCE else PARKED_FOR_LONG
            raise Later(wait, "it is about something that we do not know yet") from stranger
        return _move(event_id, NoticeEvent.GIVE_UP, str(stranger))
    except Exception as error:
        log.error("notices.failed", notice=event_id, exc_info=error)
        db.session.rollback()
        _failed(event_id, error)
        return None
    return _move(event_id, NoticeEvent.FINISH)


def _waits_for_an_end(event: ProcessorEvent) -> bool:
    """Whether a payment that was sent to this gateway before, as far as clocks tell, has no end yet."""
    unknown = select(Attempt.id).where(
        Attempt.ask_at.is_not(None),
        Attempt.gateway_id == event.gateway_id,
        Attempt.created_at <= event.received_at + APART,
    )
    return db.session.scalar(unknown.limit(1)) is not None


def _move(event_id: int, move: NoticeEvent, error: str | None = None) -> None:
    end_read()
    with transaction():
        work = _work_of(event_id)
        if not work.can(move):
            return
        work.error = error
        if work.status != NoticeStatus.PARKED or move is not NoticeEvent.PARK:
            work.transition(move, by=SYSTEM, because=error)
        if move is NoticeEvent.FINISH:
            escalations.clear(Symptom.UNMATCHED_EVENT, work, "It is known now what the event is about.")
        if move is NoticeEvent.GIVE_UP:
            event = work.event
            escalations.open(
                Symptom.UNMATCHED_EVENT, work, event.event_id, f"{event.type} is about nothing of ours.", error=error
            )


def _failed(event_id: int, error: Exception) -> None:
    """Tried again with growing pauses for a day; after that it waits for a person's replay."""
    with transaction():
        work = _work_of(event_id)
        work.tries += 1
        work.error = f"{type(error).__name__}: {error}"[:500]
        if work.can(NoticeEvent.FAIL):
            work.transition(NoticeEvent.FAIL, by=SYSTEM, because=work.error)
        if work.tries < 10:
            wait = timedelta(minutes=2 ** min(work.tries, 8))
            jobs.stage("notices.work", run_after=clock.now() + wait, event_id=event_id)


def _work_of(event_id: int) -> NoticeWork:
    work_id = db.session.scalar(select(NoticeWork.id).where(NoticeWork.event_id == event_id))
    return lock(NoticeWork, work_id)


def replay(event_id: int, *, by: User) -> NoticeWork:
    """Work on it once more. Raises Refusal: `not_permitted`, `quarantined`, `in_hand`."""
    with transaction():
        demand(by, Permission.EVENT_REPLAY)
        work = _work_of(event_id)
        if not work.can(NoticeEvent.REPLAY) or work.event.mode != work.event.gateway.mode:
            raise Refusal(
                "quarantined",
                "This event is about the other kind of money, test or live, so it is not acted upon.",
                "Correct the webhook's address at the processor.",
            )
        if work.status is NoticeStatus.RECEIVED and work.updated_at > clock.now() - JUST_NOW:
            raise Refusal("in_hand", "This event is being worked on already.", "Look again in a moment.")
        work.transition(NoticeEvent.REPLAY, by=Actor.of(by))
        work.error, work.updated_at = None, clock.now()
        jobs.stage("notices.work", event_id=event_id)
        audit.note("event.replay", work.event.event_id, by=Actor.of(by))
        return work


def set_aside(event_id: int, *, because: str, by: User) -> NoticeWork:
    """Nothing follows from it, says whoever looked.

    Raises Refusal: `not_permitted`, `reason_missing`, `not_waiting`.
    """
    with transaction():
        demand(by, Permission.EVENT_REPLAY)
        work = _work_of(event_id)
        if not because.strip():
            raise Refusal("reason_missing", "Say why nothing follows from this event.", status=422)
        if not work.can(NoticeEvent.SET_ASIDE):
            raise Refusal("not_waiting", "Nobody needs to look at this event any more.", "Reload the page.")
        work.transition(NoticeEvent.SET_ASIDE, by=Actor.of(by), because=because.strip())
        for symptom in (Symptom.QUARANTINED, Symptom.UNMATCHED_EVENT):
            escalations.clear(symptom, work, because.strip())
        audit.note("event.set_aside", work.event.event_id, by=Actor.of(by), after={"because": because.strip()})
        return work


def _charge(event: ProcessorEvent) -> None:
    inquiries.hear(_attempt_of(event))


def _attempt_of(event: ProcessorEvent) -> int:
    """By the processor's id, or by our own, which the charge carried: that one is there before any answer is."""
    of_gateway = select(Attempt.id).where(Attempt.gateway_id == event.gateway_id)
    named: Any = event.details.get("attempt")
    found = db.session.scalar(of_gateway.where(Attempt.provider_id == event.subject_id).limit(1))
    if found is None and isinstance(named, str):
        found = db.session.scalar(of_gateway.where(Attempt.public_id == named))
    if found is None:
        raise NotOurs(f"No attempt of ours is the charge {event.subject_id}.")
    return found


def _refund(event: ProcessorEvent) -> None:
    if not event.subject_id or not movement_calls.hear(event.gateway_id, event.subject_id):
        raise NotOurs(f"No payment of ours was refunded by {event.subject_id}.")


def _dispute(event: ProcessorEvent) -> None:
    if not event.subject_id or disputes.hear(event.gateway_id, event.subject_id) is None:
        raise NotOurs(f"No payment of ours is contested by {event.subject_id}.")


def _payout(event: ProcessorEvent) -> None:
    settlement.sync(event.gateway_id)


def _method(event: ProcessorEvent) -> None:
    """Of a card that others keep at the same account, nothing is wanted."""
    if not event.subject_id or not card_news.hear(event.gateway_id, event.subject_id):
        raise NoConcern


HEARERS: dict[Subject, Callable[[ProcessorEvent], None]] = {
    Subject.CHARGE: _charge,
    Subject.REFUND: _refund,
    Subject.DISPUTE: _dispute,
    Subject.PAYOUT: _payout,
    Subject.METHOD: _method,
}
