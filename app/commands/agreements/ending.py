"""How agreements end: cancelled now or at the end of the period, with their order, or by the end of their term."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import or_, select

from ... import audit, clock, jobs
from ...access import Permission, demand
from ...db import db, end_read, lock, transaction
from ...errors import Refusal
from ...mail.agreement_kinds import Told
from ...models import SYSTEM, Actor, Document, PaymentAgreement, SalesOrder, ScheduledPayment, User
from ...states.agreement import AHEAD, ENDED, RUNNING, AgreementEvent, AgreementStatus
from ...states.dunning import CaseEvent
from ...states.scheduled_payment import UNSETTLED, ScheduledEvent, ScheduledStatus
from ...states.subscription import SubscriptionEvent
from ..dunning import cases
from . import holding, renewing, schedule, supplying, telling, versions
from .pausing import given, not_running

DAY = timedelta(days=1)


def cancel(agreement_id: int, *, at_period_end: bool, because: str, by: User) -> PaymentAgreement:
    """Nothing more is charged; at the period's end what is paid for is still supplied until then. What was invoiced
    stays due.

    Raises Refusal: `not_permitted`, `not_running`, `ends_already`, `reason_missing`.
    """
    with transaction():
        demand(by, Permission.AGREEMENT_MANAGE)
        row, actor = holding.hold(agreement_id), Actor.of(by)
        reason = given(because)
        if not row.can(AgreementEvent.CANCEL):
            raise not_running(row)
        if at_period_end:
            _cancel_later(row, reason, actor)
        else:
            _cancel_and_tell(row, reason, actor)
        return row


def _cancel_and_tell(row: PaymentAgreement, reason: str, by: Actor) -> None:
    draft = row.status is AgreementStatus.DRAFT
    paper = cancel_now(row, by=by, because=reason)
    if not draft:
        telling.tell(row, Told.CANCELLED, paper=paper, by=by)


def _cancel_later(row: PaymentAgreement, reason: str, by: Actor) -> None:
    if row.status not in (AgreementStatus.ACTIVE, AgreementStatus.PAST_DUE):
        raise Refusal(
            "not_running", "%(number)s does not run at the moment.", "Cancel it from now on instead.", number=row.number
        )
    if row.cancels_on is not None:
        raise Refusal(
            "ends_already", "%(number)s ends on %(day)s already.", number=row.number, day=row.cancels_on.isoformat()
        )
    row.cancels_on = period_end(row)
    row.record("cancels_later", by=by, because=reason, number=row.number, day=row.cancels_on.isoformat())
    audit.note("agreement.cancel", row.number, by=by, after={"on": row.cancels_on.isoformat(), "because": reason})
    schedule.renew(row, by=by, because=reason)
    _cut_subscriptions(row)
    paper = versions.write(row, f"Cancelled at the end of the period: {reason}"[:500], by=by)
    telling.tell(row, Told.ENDS, paper=paper, until=row.cancels_on, by=by)


def period_end(row: PaymentAgreement) -> date:
    """The last day of what is charged already, or is due now."""
    coming = schedule.coming(row)
    if coming is not None:
        return coming.due_on - DAY
    last = db.session.scalar(
        select(ScheduledPayment.covers_to)
        .where(ScheduledPayment.agreement_id == row.id)
        .order_by(ScheduledPayment.period.desc())
        .limit(1)
    )
    return last or clock.today(row.zone)


def cancel_now(row: PaymentAgreement, *, by: Actor, because: str) -> Document:
    """The paper of how it stands then. Inside a transaction, agreement held."""
    for payment in holding.payments(row, ScheduledStatus.SCHEDULED, ScheduledStatus.FAILED):
        payment.transition(ScheduledEvent.CANCEL, by=by, because=because, number=row.number, period=payment.period)
    row.paused_until = row.missed = None
    row.cancels_on = row.cancels_on or clock.today(row.zone)
    row.transition(AgreementEvent.CANCEL, by=by, because=because, number=row.number)
    holding.move_subscriptions(row, SubscriptionEvent.END, by=by, because=because)
    cases.agreement_ends(row, CaseEvent.CANCEL, by=by, because=because)
    audit.note("agreement.cancel", row.number, by=by, after={"because": because})
    return versions.write(row, f"Cancelled: {because}"[:500], by=by)


def end_with(order: SalesOrder, *, by: Actor, because: str) -> None:
    """An order that is cancelled or terminated takes its agreements with it. Inside a transaction, account and order
    locked."""
    mine = select(PaymentAgreement.id).where(
        PaymentAgreement.order_id == order.id, PaymentAgreement.status.not_in(ENDED)
    )
    for agreement_id in db.session.scalars(mine.order_by(PaymentAgreement.id)).all():
        _cancel_and_tell(lock(PaymentAgreement, agreement_id), because, by)


@jobs.tick("agreements.keep_going", every=timedelta(minutes=15))
def keep_going() -> int:
    """The schedule is kept ahead; what is received begins on its day; terms are renewed or end; what was cancelled for
    today ends. Returns how many."""
    ahead = (
        select(ScheduledPayment.id)
        .where(ScheduledPayment.agreement_id == PaymentAgreement.id)
        .where(ScheduledPayment.due_at > clock.now() + timedelta(days=1))
        .where(ScheduledPayment.status == ScheduledStatus.SCHEDULED)
        .offset(schedule.AHEAD - 1)
        .exists()
    )
    whole = (
        select(ScheduledPayment.id)
        .where(ScheduledPayment.agreement_id == PaymentAgreement.id)
        .where(ScheduledPayment.covers_to >= PaymentAgreement.ends_on)
        .exists()
    )
    soon = clock.now().date() + AHEAD + DAY
    ending = or_(PaymentAgreement.ends_on <= soon, PaymentAgreement.cancels_on <= soon)
    due = db.session.scalars(
        select(PaymentAgreement.id).where(
            PaymentAgreement.status.in_(RUNNING),
            or_(ending, ~ahead & ~whole, supplying.waiting(clock.now().date() + DAY)),
        )
    ).all()
    end_read()
    return jobs.each("agreements.keep_going", due, _keep_going)


def _keep_going(agreement_id: int) -> bool:
    with transaction():
        row = holding.hold(agreement_id)
        today = clock.today(row.zone)
        started = supplying.start(row, today)
        if row.cancels_on is not None:
            return (row.cancels_on < today and _cancel_due(row)) or started
        renewed = renewing.due(row, today)
        if renewed:
            renewing.by_itself(row)
        extended = schedule.extend(row) > 0
        reminded = renewing.remind(row, today)
        return _complete_due(row, today) or renewed or extended or reminded or started


def _cancel_due(row: PaymentAgreement) -> bool:
    if not row.can(AgreementEvent.CANCEL):
        return False
    cancel_now(row, by=SYSTEM, because="The last period is over")
    return True


def _complete_due(row: PaymentAgreement, today: date) -> bool:
    """Once the last day is over and nothing is left to collect."""
    if row.ends_on is None or row.ends_on >= today or not row.can(AgreementEvent.COMPLETE):
        return False
    if holding.payments(row, *UNSETTLED):
        return False
    row.transition(AgreementEvent.COMPLETE, by=SYSTEM, number=row.number)
    holding.move_subscriptions(row, SubscriptionEvent.END, by=SYSTEM, because="The term is over")
    audit.note("agreement.complete", row.number, by=SYSTEM)
    versions.write(row, "The term is over", by=SYSTEM)
    return True


def _cut_subscriptions(row: PaymentAgreement) -> None:
    for subscription in renewing.subscriptions(row):
        subscription.ends_on = row.cancels_on
