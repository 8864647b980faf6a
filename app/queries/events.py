"""Processor events: the list, newest first, filtered by what the address says and paged by key; and one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Row, or_, select

from ..access import Permission, can
from ..db import read_columns
from ..errors import NotFound
from ..models import Attempt, Gateway, History, Movement, NoticeWork, PaymentOrder, ProcessorEvent, RefusedNotices
from ..navigation import company
from ..states.notice import NEEDS_PEOPLE, NoticeStatus
from ..values import Value
from .orders.views import Link

PAGE = 50
MOST_BESIDE = 10
REFUSED_FOR = timedelta(days=7)
E = ProcessorEvent


class Filter(Value):
    """What the query string asks for; unknown values ask for nothing. Days are the company's, both included."""

    gateway: str = ""
    type: str = ""
    state: str = ""
    reference: str = ""
    first: date | None = None
    last: date | None = None

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Filter:
        state = args.get("state", "")
        return cls(
            gateway=args.get("gateway", "")[:40],
            type=args.get("type", "").strip()[:100],
            state=state if state in set(NoticeStatus) else "",
            reference=args.get("q", "").strip()[:120],
            first=_day(args.get("first", "")),
            last=_day(args.get("last", "")),
        )

    def url(self, **more: Any) -> str:
        words = {"gateway": self.gateway, "type": self.type, "state": self.state, "q": self.reference}
        values: dict[str, Any] = words | {"first": self.first, "last": self.last} | more
        said: dict[str, Any] = {name: str(value) for name, value in values.items() if value}
        return url_for("events.index", **said)

    @property
    def narrows(self) -> bool:
        return self != Filter()


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1990 <= day.year <= 2200 else None


class EventRow(Value):
    id: int
    url: str
    reference: str
    type: str
    subject_id: str | None
    gateway: str
    status: NoticeStatus
    tries: int
    error: str | None
    received_at: datetime


class EventList(Value):
    rows: tuple[EventRow, ...]
    previous: str | None
    next: str | None


COLUMNS: tuple[Any, ...] = (
    E.id,
    E.event_id.label("reference"),
    E.type,
    E.subject_id,
    Gateway.name.label("gateway"),
    NoticeWork.status,
    NoticeWork.tries,
    NoticeWork.error,
    E.received_at,
)


def _rows_of(*columns: Any) -> Any:
    return select(*columns).join(NoticeWork, NoticeWork.event_id == E.id).join(Gateway, Gateway.id == E.gateway_id)


def view(wanted: Filter, *, before: int | None = None, after: int | None = None) -> EventList:
    """One page of events older than the one with the id `before`, or newer than `after`; one statement."""
    query, backwards = _rows_of(*COLUMNS).where(*_conditions(wanted)), after is not None and before is None
    if before is not None:
        query = query.where(E.id < before)
    elif after is not None:
        query = query.where(E.id > after)
    found = list(read_columns(query.order_by(E.id.asc() if backwards else E.id.desc()).limit(PAGE + 1)))
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    older, newer = (backwards or more), (more if backwards else before is not None)
    return EventList(
        rows=tuple(map(_row, found)),
        previous=wanted.url(after=found[0].id) if found and newer else None,
        next=wanted.url(before=found[-1].id) if found and older else None,
    )


def _row(row: Row[Any]) -> EventRow:
    return EventRow(**row._asdict(), url=url_for("events.event", event_id=row.id))


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.gateway:
        found.append(Gateway.key == wanted.gateway)
    if wanted.type:
        found.append(E.type.startswith(wanted.type, autoescape=True))
    if wanted.state:
        found.append(NoticeWork.status == NoticeStatus(wanted.state))
    if wanted.reference:
        found.append(or_(E.event_id == wanted.reference, E.subject_id == wanted.reference, _of(wanted.reference)))
    if wanted.first:
        found.append(E.received_at >= _midnight(wanted.first))
    if wanted.last:
        found.append(E.received_at < _midnight(wanted.last + timedelta(days=1)))
    return found


def _of(number: str) -> ColumnElement[bool]:
    """Events about the tries of a payment order, by its number."""
    of_order = select(PaymentOrder.id).where(PaymentOrder.number == number.upper()).scalar_subquery()
    charges = select(Attempt.provider_id).where(Attempt.payment_order_id == of_order)
    refunds = select(Movement.provider_id).where(Movement.payment_order_id == of_order)
    return or_(E.subject_id.in_(charges), E.subject_id.in_(refunds))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(company().time_zone))


def refused(since: date) -> Sequence[Row[Any]]:
    """What webhook addresses turned away from `since` on, by gateway and reason."""
    query = select(Gateway.name, RefusedNotices.day, RefusedNotices.code, RefusedNotices.count.label("number"))
    query = query.join(Gateway, Gateway.id == RefusedNotices.gateway_id).where(RefusedNotices.day >= since)
    return read_columns(query.order_by(RefusedNotices.day.desc(), Gateway.name, RefusedNotices.code)).all()


def turned_away(code: str) -> str:
    """Why a post was turned away, in words."""
    return {
        "forged": _("The signature was not the processor's"),
        "stale": _("Signed too long ago, or in the future"),
        "foreign": _("About another account"),
        "unreadable": _("Signed, and made no sense"),
    }.get(code, code)


class EventPage(Value):
    """`payload` is the redacted body, indented; `beside` are other events about the same charge, refund or dispute."""

    row: EventRow
    sha256: str
    mode: str
    gateway_mode: str
    account: str | None
    subject: str
    payload: str
    happened_at: datetime
    worked_at: datetime
    payment_order: Link | None
    history: Sequence[Row[Any]]
    beside: tuple[EventRow, ...]
    may_replay: bool
    may_set_aside: bool

    @property
    def open(self) -> bool:
        return self.row.status in (NoticeStatus.RECEIVED, NoticeStatus.PARKED)


def page(event_id: int) -> EventPage:
    """Raises NotFound. Four statements."""
    more = (E.sha256, E.mode, E.account, E.subject, E.payload, E.happened_at, E.gateway_id)
    work = (NoticeWork.id.label("work_id"), NoticeWork.updated_at, Gateway.mode.label("gateway_mode"))
    row = read_columns(_rows_of(*COLUMNS, *more, *work).where(E.id == event_id)).one_or_none()
    if row is None:
        raise NotFound(f"event {event_id}")
    replay = can(Permission.EVENT_REPLAY)
    return EventPage(
        row=_row_of(row),
        sha256=row.sha256,
        mode=row.mode,
        gateway_mode=row.gateway_mode,
        account=row.account,
        subject=row.subject,
        payload=json.dumps(row.payload, indent=2, ensure_ascii=False),
        happened_at=row.happened_at,
        worked_at=row.updated_at,
        payment_order=_payment_order(row.gateway_id, row.subject_id),
        history=_history(row.work_id),
        beside=_beside(row),
        may_replay=replay and row.mode == row.gateway_mode and row.status is not NoticeStatus.QUARANTINED,
        may_set_aside=replay and row.status in NEEDS_PEOPLE,
    )


def _row_of(row: Row[Any]) -> EventRow:
    return EventRow(
        **{column.key: getattr(row, column.key) for column in COLUMNS}, url=url_for("events.event", event_id=row.id)
    )


def _payment_order(gateway_id: int, subject_id: str | None) -> Link | None:
    """What of ours the charge or refund is, by the processor's id."""
    if subject_id is None:
        return None
    ids = [
        select(model.payment_order_id).where(model.gateway_id == gateway_id, model.provider_id == subject_id)
        for model in (Attempt, Movement)
    ]
    query = select(PaymentOrder.number).where(or_(*(PaymentOrder.id.in_(found) for found in ids))).limit(1)
    number = read_columns(query).scalar_one_or_none()
    return Link(number, url_for("payments.show", number=number)) if number else None


def _history(work_id: int) -> Sequence[Row[Any]]:
    query = select(History.event, History.to_status, History.actor_name, History.because, History.at)
    mine = query.where(History.entity == NoticeWork.__tablename__, History.entity_id == work_id)
    return read_columns(mine.order_by(History.id.desc()).limit(30)).all()


def _beside(row: Row[Any]) -> tuple[EventRow, ...]:
    if row.subject_id is None:
        return ()
    same = (E.gateway_id == row.gateway_id, E.subject_id == row.subject_id, E.id != row.id)
    return tuple(map(_row, read_columns(_rows_of(*COLUMNS).where(*same).order_by(E.id.desc()).limit(MOST_BESIDE))))
