"""The schedule: the next twelve periods are always written down, or all of them where the agreement ends before."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func, select

from ... import clock
from ...cadence import Cadence
from ...db import db, insert_once
from ...models import Actor, PaymentAgreement, Proration, ScheduledPayment
from ...money import Money
from ...states.agreement import ENDED, AgreementStatus
from ...states.scheduled_payment import ScheduledEvent, ScheduledStatus
from . import holding

AHEAD = 12
DAY = timedelta(days=1)


def starts(agreement: PaymentAgreement, period: int) -> date:
    """The first day of a period, counted from 1: always from the anchor, so that none drifts."""
    return Cadence(agreement.frequency, agreement.every).day(agreement.anchor, period - agreement.anchor_period)


def period_of(agreement: PaymentAgreement, day: date) -> int:
    """The period that `day` lies in; below 1 before the first."""
    return Cadence(agreement.frequency, agreement.every).number(agreement.anchor, day) + agreement.anchor_period


def extend(agreement: PaymentAgreement) -> int:
    """Write what is not scheduled yet of the next twelve periods; how many were. Inside a transaction, agreement held.

    Each period has one row, whoever else writes it (invariant 17).
    """
    if agreement.status in ENDED:
        return 0
    last = db.session.scalar(
        select(func.max(ScheduledPayment.period)).where(ScheduledPayment.agreement_id == agreement.id)
    )
    now = max(period_of(agreement, clock.today(agreement.zone)), agreement.first_period - 1)
    wanted = range(max((last or 0) + 1, agreement.first_period), now + AHEAD + 1)
    return sum(_write(agreement, period) for period in wanted if _exists(agreement, period))


def _exists(agreement: PaymentAgreement, period: int) -> bool:
    return agreement.last_day is None or starts(agreement, period) <= agreement.last_day


def _write(agreement: PaymentAgreement, period: int) -> bool:
    first, ends = starts(agreement, period), _ends(agreement, period)
    return insert_once(
        ScheduledPayment,
        agreement_id=agreement.id,
        period=period,
        status=ScheduledStatus.SCHEDULED,
        due_on=first,
        due_at=clock.start_of_day(first, agreement.zone),
        covers_from=first,
        covers_to=ends,
        amount=amount(agreement, period).minor,
        currency=agreement.currency,
    )


def _ends(agreement: PaymentAgreement, period: int) -> date:
    whole = starts(agreement, period + 1) - DAY
    if agreement.last_day is None or agreement.renews_itself:  # the next term goes on where this one ends
        return whole
    return min(whole, agreement.last_day)


def amount(agreement: PaymentAgreement, period: int) -> Money:
    """Gross; of a period that the end cuts short all of it, or so much as it has days, by the agreement's rule."""
    gross = agreement.totals().gross
    first, whole, ends = starts(agreement, period), starts(agreement, period + 1) - DAY, _ends(agreement, period)
    if ends == whole or agreement.proration is Proration.NONE:
        return gross
    part = gross.allocate([(ends - first).days + 1, (whole - ends).days])[0]
    return max(part, Money(1, gross.currency))


def renew(agreement: PaymentAgreement, *, by: Actor, because: str) -> None:
    """What is scheduled and not due yet, of a draft all of it, takes over the agreement's terms as they stand; what now
    lies behind its end is taken out, what is missing is written. Inside a transaction, agreement held."""
    today, draft = clock.today(agreement.zone), agreement.status is AgreementStatus.DRAFT
    for row in holding.payments(agreement, ScheduledStatus.SCHEDULED):
        if row.due_on <= today and not draft:
            continue
        if _exists(agreement, row.period):
            _take_over(row, agreement)
        elif agreement.cancels_on is not None:
            row.transition(ScheduledEvent.CANCEL, by=by, because=because)
        else:  # a term may be renewed: then this number comes again
            db.session.delete(row)
    db.session.flush()
    extend(agreement)


def _take_over(row: ScheduledPayment, agreement: PaymentAgreement) -> None:
    row.due_on = row.covers_from = starts(agreement, row.period)
    row.due_at = clock.start_of_day(row.due_on, agreement.zone)
    row.covers_to = _ends(agreement, row.period)
    row.amount = amount(agreement, row.period).minor


def coming(agreement: PaymentAgreement) -> ScheduledPayment | None:
    """The first payment that is not due yet; of a draft the first one."""
    today, draft = clock.today(agreement.zone), agreement.status is AgreementStatus.DRAFT
    rows = holding.payments(agreement, ScheduledStatus.SCHEDULED)
    return next((row for row in rows if draft or row.due_on > today), None)
