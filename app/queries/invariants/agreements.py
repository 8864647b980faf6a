"""Rules of what recurs: 17, 18 and 27."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import and_, false, func, or_, select

from ... import clock, settings
from ...cadence import Cadence
from ...db import db
from ...models import (
    SYSTEM,
    ActorKind,
    Attempt,
    Audit,
    DunningStep,
    History,
    PaymentAgreement,
    PaymentOrder,
    SalesOrder,
    ScheduledPayment,
    Subscription,
)
from ...states.agreement import ENDED, AgreementStatus
from ...states.order import OrderStatus
from ...states.scheduled_payment import ScheduledStatus
from ...states.subscription import SubscriptionStatus
from .asking import MOST, found

S = ScheduledStatus


def periods_apart(grace: timedelta) -> list[str]:
    """A period that stands twice, or that is asked for by a payment order beside its own."""
    doubled = found(
        select(ScheduledPayment.agreement_id, ScheduledPayment.period)
        .group_by(ScheduledPayment.agreement_id, ScheduledPayment.period)
        .having(func.count() > 1)
    )
    strange = found(
        select(PaymentOrder.number)
        .outerjoin(ScheduledPayment, ScheduledPayment.payment_order_id == PaymentOrder.id)
        .where(
            PaymentOrder.agreement_id.is_not(None),
            ScheduledPayment.id.is_(None) | (ScheduledPayment.agreement_id != PaymentOrder.agreement_id),
        )
    )
    return [
        *(f"period {r.period} of agreement {r.agreement_id} is scheduled twice" for r in doubled),
        *(f"{r.number} asks for an agreement, but for none of its periods" for r in strange),
    ]


def days_apart(grace: timedelta) -> list[str]:
    """What is scheduled falls on its anchor's day, in its agreement's zone, and no period before it is left out. What
    was due before the anchor was moved keeps the day it had."""
    terms = ("number", "frequency", "every", "anchor", "anchor_period", "zone", "first_period")
    rows = db.session.execute(
        select(
            *(getattr(PaymentAgreement, name) for name in terms),
            *(ScheduledPayment.period, ScheduledPayment.status, ScheduledPayment.due_on, ScheduledPayment.due_at),
        )
        .join(ScheduledPayment, ScheduledPayment.agreement_id == PaymentAgreement.id)
        .order_by(PaymentAgreement.id, ScheduledPayment.period)
        .execution_options(yield_per=500)
    )
    complaints: list[str] = []
    before: Any = None
    for row in rows:
        follows = before.period + 1 if before is not None and before.number == row.number else row.first_period
        if row.period != follows:
            complaints.append(f"{row.number}: period {follows} is left out")
        if row.status is S.SCHEDULED and row.period >= row.anchor_period and not _on_its_day(row):
            complaints.append(f"{row.number}: period {row.period} is due on {row.due_on}, which is not its day")
        before = row
        if len(complaints) >= MOST:
            break
    return complaints


def _on_its_day(row: Any) -> bool:
    day = Cadence(row.frequency, row.every).day(row.anchor, row.period - row.anchor_period)
    return bool(row.due_on == day and row.due_at == clock.start_of_day(day, row.zone))


def outliving(grace: timedelta) -> list[str]:
    """Agreements of cancelled orders that go on, and periods of such that are still to be asked for."""
    of_cancelled = (
        select(PaymentAgreement.number, PaymentAgreement.status, SalesOrder.number.label("order"))
        .join(SalesOrder, SalesOrder.id == PaymentAgreement.order_id)
        .where(SalesOrder.status == OrderStatus.CANCELLED)
    )
    running = found(of_cancelled.where(PaymentAgreement.status.not_in(ENDED)))
    periods = found(
        of_cancelled.add_columns(ScheduledPayment.period)
        .join(ScheduledPayment, ScheduledPayment.agreement_id == PaymentAgreement.id)
        .where(PaymentAgreement.status.in_(ENDED), ScheduledPayment.status == S.SCHEDULED)
    )
    return [
        *(f"{r.number} is {r.status}, and its order {r.order} is cancelled" for r in running),
        *(f"{r.number}: period {r.period} is still scheduled, and its order {r.order} is cancelled" for r in periods),
    ]


def charged_after_stop(grace: timedelta) -> list[str]:
    """Charges that the schedule began while its agreement was not active, or recurring payments were switched off. Both
    are written under the locks that a pause or the switch waits for, so their rows stand in the order of their commits.
    What is past due is charged again by a step of dunning only.
    """
    state = (
        select(History.to_status)
        .where(
            History.entity == PaymentAgreement.__tablename__,
            History.entity_id == PaymentOrder.agreement_id,
            History.to_status.is_not(None),
        )
        .order_by(History.id.desc())
        .limit(1)
    )
    began = History.__table__.alias()
    last = state.where(History.id < began.c.id).correlate(PaymentOrder, began).scalar_subquery()
    by_dunning = (
        select(DunningStep.id)
        .where(DunningStep.attempt_id == func.coalesce(Attempt.fallback_of_id, Attempt.id))
        .correlate(Attempt)
        .exists()
    )
    allowed = (last == AgreementStatus.ACTIVE) | ((last == AgreementStatus.PAST_DUE) & by_dunning)
    stopped = found(
        select(Attempt.public_id, last.label("was"))
        .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
        .join(
            began,
            and_(
                began.c.entity == Attempt.__tablename__,
                began.c.entity_id == Attempt.id,
                began.c.event == "started",
            ),
        )
        .where(Attempt.actor_kind == ActorKind.SYSTEM, PaymentOrder.agreement_id.is_not(None))
        .where(~func.coalesce(allowed, false()))
    )
    return [
        *(f"attempt {r.public_id} was begun while its agreement was {r.was}" for r in stopped),
        *(f"{number} was charged while recurring payments were switched off" for number in _switched_off()),
    ]


def services_apart(grace: timedelta) -> list[str]:
    """What the customer receives though its agreement is paused or over, and what is held though it goes on."""
    status, goes_on = PaymentAgreement.status, (AgreementStatus.ACTIVE, AgreementStatus.PAST_DUE)
    rows = found(
        select(PaymentAgreement.number, status, Subscription.id, Subscription.status.label("received"))
        .join(Subscription, Subscription.agreement_id == PaymentAgreement.id)
        .where(
            or_(
                and_(status == AgreementStatus.PAUSED, Subscription.status == SubscriptionStatus.ACTIVE),
                and_(status.in_(goes_on), Subscription.status == SubscriptionStatus.PAUSED),
                and_(status.in_(ENDED), Subscription.status != SubscriptionStatus.ENDED),
            )
        )
    )
    return [f"{r.number} is {r.status}, and its subscription {r.id} is {r.received}" for r in rows]


def _switched_off() -> list[str]:
    turned = db.session.execute(
        select(Audit.id, Audit.after)
        .where(Audit.action == "setting.changed", Audit.subject == settings.RECURRING.key)
        .order_by(Audit.id)
    ).all()
    numbers: list[str] = []
    for n, change in enumerate(turned):
        if change.after is False:
            until = turned[n + 1].id if n + 1 < len(turned) else None
            numbers += _charged_between(change.id, until)
    return numbers[:MOST]


def _charged_between(off: int, on: int | None) -> list[str]:
    query = (
        select(PaymentOrder.number)
        .join(Audit, and_(Audit.action == "charge", Audit.subject == PaymentOrder.number))
        .where(PaymentOrder.agreement_id.is_not(None), Audit.user_id.is_(None), Audit.actor_name == SYSTEM.name)
        .where(Audit.id > off)
    )
    return [r.number for r in found(query if on is None else query.where(Audit.id < on))]
