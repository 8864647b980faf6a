"""Pausing an agreement and taking it up again; its subscriptions and its scheduled payments move with it."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select

from ... import audit, clock, jobs
from ...access import Permission, demand
from ...badges import said
from ...db import db, end_read, transaction
from ...errors import Refusal
from ...mail.agreement_kinds import Told
from ...models import SYSTEM, Actor, Missed, PaymentAgreement, User
from ...queries.calendar import selling_day
from ...states.agreement import AgreementEvent, AgreementStatus
from ...states.dunning import CaseEvent
from ...states.order import OrderStatus
from ...states.scheduled_payment import ScheduledEvent, ScheduledStatus
from ...states.subscription import SubscriptionEvent
from ..dunning import cases
from . import holding, renewing, schedule, supplying, telling, versions


def pause(agreement_id: int, *, until: date | None, missed: Missed, because: str, by: User) -> PaymentAgreement:
    """From now on nothing is charged, until somebody resumes it or `until` comes. `missed`: what then becomes of the
    periods that fell due meanwhile.

    Raises Refusal: `not_permitted`, `not_running`, `until_past`, `until_after_end`,
    `reason_missing`.
    """
    with transaction():
        demand(by, Permission.AGREEMENT_MANAGE)
        row, actor = holding.hold(agreement_id), Actor.of(by)
        reason = given(because)
        if not row.can(AgreementEvent.PAUSE):
            raise not_running(row)
        if until is not None and until <= clock.today(row.zone):
            raise Refusal("until_past", "Choose a day after today, or none.", status=422)
        if until is not None and row.last_day is not None and until >= row.last_day and not row.renews_itself:
            raise Refusal(
                "until_after_end",
                "It ends on %(day)s, so after such a pause nothing would go on. Choose an earlier day, or cancel it.",
                status=422,
                day=row.last_day.isoformat(),
            )
        row.paused_until, row.missed = until, missed
        row.transition(AgreementEvent.PAUSE, by=actor, because=reason, number=row.number)
        holding.move_subscriptions(row, SubscriptionEvent.PAUSE, by=actor, because=reason)
        cases.agreement_ends(row, CaseEvent.PAUSE, by=actor, because=reason)
        after = {"until": until.isoformat() if until else None, "missed": missed, "because": reason}
        audit.note("agreement.pause", row.number, by=actor, after=after)
        paper = versions.write(row, f"Paused: {reason}"[:500], by=actor)
        telling.tell(row, Told.PAUSED, paper=paper, until=until, by=actor)
        return row


def resume(agreement_id: int, *, missed: Missed, give_up: bool = False, by: User) -> PaymentAgreement:
    """Go on from today. What had failed before the pause is still owed, and its story begins anew, unless `give_up`;
    then its invoice stays with receivables.

    Raises Refusal: `not_permitted`, `not_paused`.
    """
    with transaction():
        demand(by, Permission.AGREEMENT_MANAGE)
        row = holding.hold(agreement_id)
        if not row.can(AgreementEvent.RESUME):
            raise Refusal("not_paused", "%(number)s is not paused any more.", "Reload the page.", number=row.number)
        _resume(row, missed, give_up=give_up, by=Actor.of(by))
        return row


def _resume(row: PaymentAgreement, missed: Missed, *, give_up: bool = False, by: Actor) -> None:
    renewing.make_up(row)
    if missed is Missed.SKIP:
        _skip(row, ScheduledStatus.SCHEDULED, by)
    if give_up:
        _skip(row, ScheduledStatus.FAILED, by)
    row.paused_until = row.missed = None
    row.transition(AgreementEvent.RESUME, by=by, number=row.number)
    holding.move_subscriptions(row, SubscriptionEvent.RESUME, by=by)
    if row.order is not None and row.order.status in (OrderStatus.ACTIVATED, OrderStatus.COMPLETED):
        holding.start_subscriptions(row.order, selling_day(), by=by)
    supplying.start(row, clock.today(row.zone), by=by)
    schedule.extend(row)
    audit.note("agreement.resume", row.number, by=by, after={"missed": missed, "gives_up": give_up})
    if cases.resumed(row):
        row.transition(AgreementEvent.FALL_BEHIND, by=by, number=row.number)
    paper = versions.write(row, "Resumed", by=by)
    telling.tell(row, Told.RESUMED, paper=paper, by=by)


def _skip(row: PaymentAgreement, status: ScheduledStatus, by: Actor) -> None:
    """Of those, what is due by now."""
    today = clock.today(row.zone)
    for payment in holding.payments(row, status):
        if payment.due_on <= today:
            payment.transition(ScheduledEvent.SKIP, by=by, because="Paused", number=row.number, period=payment.period)


@jobs.tick("agreements.resume_due", every=timedelta(minutes=5))
def resume_due() -> int:
    """Agreements whose pause has come to its day go on as was said when they were paused. Returns how many."""
    latest = clock.now().date() + timedelta(days=1)  # somewhere it is tomorrow already
    due = db.session.scalars(
        select(PaymentAgreement.id).where(
            PaymentAgreement.status == AgreementStatus.PAUSED, PaymentAgreement.paused_until <= latest
        )
    ).all()
    end_read()
    return jobs.each("agreements.resume_due", due, _resume_due)


def _resume_due(agreement_id: int) -> bool:
    with transaction():
        row = holding.hold(agreement_id)
        if row.paused_until is None or row.paused_until > clock.today(row.zone):
            return False
        _resume(row, row.missed or Missed.SKIP, by=SYSTEM)
        return True


def not_running(row: PaymentAgreement) -> Refusal:
    return Refusal(
        "not_running",
        "%(number)s is %(state)s.",
        "Reload the page to see where it stands.",
        number=row.number,
        state=said("agreement", row.status),
    )


def given(because: str) -> str:
    """The reason, which history keeps. Raises Refusal `reason_missing`."""
    if not because.strip():
        raise Refusal("reason_missing", "Say why; the reason stays with the agreement's history.", status=422)
    return because.strip()
