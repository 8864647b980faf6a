"""Payments that are due and that nobody was asked for: which, of whom, and why. Of each agreement the first one stands
for those after it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, select

from ... import clock, settings
from ...db import read_columns
from ...models import Account, PaymentAgreement, ScheduledPayment
from ...money import Money
from ...states.scheduled_payment import ScheduledStatus
from ...values import Value
from .. import routes
from . import verdict

# What is due is asked for within minutes; what is not waits for something.
PROMPT = timedelta(hours=1)
FIRST = 50


class Untaken(Value):
    """`next_at`: when it is looked at again."""

    agreement_id: int
    agreement: str
    url: str
    customer: str
    amount: Money
    due_on: date
    due_at: datetime
    next_at: datetime | None
    because: str


QUERY: Any = verdict.joined(
    select(
        *verdict.COLUMNS,
        PaymentAgreement.number,
        Account.name.label("customer"),
        ScheduledPayment.due_at,
        ScheduledPayment.held_until,
    )
)


def waiting() -> ColumnElement[bool]:
    """Of agreements: those asked for by themselves of which a payment has been due for a while."""
    due = select(ScheduledPayment.agreement_id).where(
        ScheduledPayment.status == ScheduledStatus.SCHEDULED, ScheduledPayment.due_at <= clock.now() - PROMPT
    )
    return verdict.ASKED_FOR & PaymentAgreement.id.in_(due)


def first() -> tuple[Untaken, ...]:
    """Two statements."""
    return of(read_columns(QUERY.where(waiting()).order_by(PaymentAgreement.id).limit(FIRST)).all())


def of(rows: Iterable[Any]) -> tuple[Untaken, ...]:
    """Of rows of QUERY; one statement."""
    known = tuple(rows)
    allowed, table = bool(settings.get(settings.RECURRING)), routes.load() if known else ()
    facts = [verdict.due(verdict.of_row(row)) for row in known]
    return tuple(_untaken(row, verdict.judged(x, table, allowed=allowed)) for row, x in zip(known, facts, strict=True))


def _untaken(row: Any, found: verdict.Verdict) -> Untaken:
    rests = row.held_until if row.held_until and row.held_until > clock.now() else None
    return Untaken(
        agreement_id=row.id,
        agreement=row.number,
        url=url_for("agreements.show", number=row.number),
        customer=row.customer,
        amount=Money(row.next_amount, row.currency),
        due_on=row.next_on,
        due_at=row.due_at,
        next_at=rests,
        because=found.reason or _("It waits for a payment before it, or for its gateway."),
    )
