"""May this version become an order? One answer for the page's button and for the command behind it."""

from __future__ import annotations

from datetime import date

from flask_babel import gettext
from sqlalchemy import select

from ...badges import said
from ...db import db
from ...errors import Refusal
from ...formatting import day
from ...models import Quote
from ...states.order import BEFORE_BOOKING, OrderStatus
from ...states.quote import UNDER_WAY, QuoteStatus


def refusal(number: str, version: int, status: QuoteStatus, expires_on: date, newer: int | None) -> Refusal | None:
    """`status` as of today; `newer` is a later version that is still being written. Codes: `superseded`, `expired`,
    `not_approved`, `not_latest`."""
    name = gettext("%(number)s version %(version)s", number=number, version=version)
    if status is QuoteStatus.SUPERSEDED:
        return Refusal("superseded", "%(quote)s was superseded by a later version; convert that one.", quote=name)
    if status is QuoteStatus.EXPIRED:
        return Refusal(
            "expired",
            "%(quote)s expired on %(date)s.",
            "Revise it and have it approved again.",
            quote=name,
            date=day(expires_on),
        )
    if status is not QuoteStatus.APPROVED:
        return Refusal(
            "not_approved",
            "%(quote)s is %(state)s; only an approved quote can be converted.",
            quote=name,
            state=said("quote", status),
        )
    if newer is not None:
        return Refusal(
            "not_latest",
            "Version %(newer)s of %(number)s is being written, so version %(version)s is not the latest.",
            "Have the new version approved, or discard it.",
            newer=newer,
            number=number,
            version=version,
        )
    return None


def out_of_reach(order_number: str, status: OrderStatus) -> Refusal | None:
    """Once an order is booked, no quote changes it any more. Code: `order_too_far`."""
    if status in BEFORE_BOOKING:
        return None
    return Refusal(
        "order_too_far",
        "%(order)s is %(state)s, and what is booked is not changed by a quote.",
        "Agree the change with order management, or write a quote for what is added.",
        order=order_number,
        state=said("order", status),
    )


def newer_under_way(number: str, version: int) -> int | None:
    query = select(Quote.version).where(Quote.number == number, Quote.version > version, Quote.status.in_(UNDER_WAY))
    return db.session.scalar(query.order_by(Quote.version.desc()).limit(1))
