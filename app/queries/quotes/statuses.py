"""A quote's status as of today, in SQL: lists and filters agree with `Quote.status_on`."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, not_, or_

from ...models import Quote
from ...states.quote import LAPSING, QuoteStatus


def lapsed(day: date) -> ColumnElement[bool]:
    return and_(Quote.status.in_(LAPSING), Quote.expires_on < day)


def shown(day: date) -> ColumnElement[Any]:
    return case((lapsed(day), literal(QuoteStatus.EXPIRED.value)), else_=Quote.status)


def is_status(status: QuoteStatus, day: date) -> ColumnElement[bool]:
    if status is QuoteStatus.EXPIRED:
        return or_(Quote.status == status, lapsed(day))
    if status in LAPSING:
        return and_(Quote.status == status, not_(lapsed(day)))
    return Quote.status == status
