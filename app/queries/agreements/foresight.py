"""What an action on an agreement would come to, for the form that asks before it."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select

from ... import clock
from ...db import db
from ...models import Missed, PaymentAgreement, ScheduledPayment
from ...money import Money
from ...states.agreement import AgreementStatus
from ...states.scheduled_payment import ScheduledStatus


def coming(agreement_id: int) -> date | None:
    """The day that a change may move: of the first payment that is not due yet, of a draft the first one."""
    status = db.session.scalar(select(PaymentAgreement.status).where(PaymentAgreement.id == agreement_id))
    today, days = _scheduled(agreement_id)
    return next((day for day in days if day > today or status is AgreementStatus.DRAFT), None)


def _scheduled(agreement_id: int) -> tuple[date, list[date]]:
    """Today in its zone, and the days of what is scheduled."""
    zone = db.session.scalar(select(PaymentAgreement.zone).where(PaymentAgreement.id == agreement_id)) or "UTC"
    days = db.session.scalars(
        select(ScheduledPayment.due_on)
        .where(ScheduledPayment.agreement_id == agreement_id, ScheduledPayment.status == ScheduledStatus.SCHEDULED)
        .order_by(ScheduledPayment.period)
    )
    return clock.today(zone), list(days)


def missed_and_next(agreement_id: int) -> tuple[int, date | None]:
    """How many payments fell due and were not asked for, and the day of the first that is still to come."""
    today, days = _scheduled(agreement_id)
    return sum(day <= today for day in days), next((day for day in days if day > today), None)


def owed(agreement_id: int) -> list[tuple[int, Money]]:
    """Periods that failed, with what each comes to."""
    failed = select(ScheduledPayment).where(
        ScheduledPayment.agreement_id == agreement_id, ScheduledPayment.status == ScheduledStatus.FAILED
    )
    return [(x.period, x.money) for x in db.session.scalars(failed.order_by(ScheduledPayment.period))]


def paid_until(agreement_id: int) -> date | None:
    coming = missed_and_next(agreement_id)[1]
    return coming - timedelta(days=1) if coming else None


def said_when_paused(agreement_id: int) -> str:
    missed = db.session.scalar(select(PaymentAgreement.missed).where(PaymentAgreement.id == agreement_id))
    return (missed or Missed.SKIP).value
