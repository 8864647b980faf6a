"""The story of a declined period: opened by its decline, planned anew when another kind of decline follows, ended by
whatever settles the period or stops its agreement.

Called by those who move periods and agreements, inside their transaction, with the account held. Here rows are only
written; what a step does is for `steps`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import bindparam, func, or_, select

from ... import clock, jobs
from ...db import db, read_columns
from ...models import (
    SYSTEM,
    Actor,
    ActorKind,
    Attempt,
    CollectionMethod,
    DunningCase,
    DunningStep,
    PaymentAgreement,
    PaymentOrder,
    ScheduledPayment,
)
from ...queries.agreements import verdict
from ...states import declines
from ...states.agreement import AgreementStatus
from ...states.attempt import AttemptStatus
from ...states.declines import Decline
from ...states.dunning import RETRIES_WITHOUT_REASON, Action, CaseEvent, CaseStatus, PlannedStep
from ...states.scheduled_payment import ScheduledStatus
from . import policies

LATE = timedelta(hours=1)
OPEN_AMONG = select(DunningCase.scheduled_payment_id).where(
    DunningCase.scheduled_payment_id.in_(bindparam("payment_ids_", expanding=True)),
    DunningCase.status == CaseStatus.OPEN,
)


def open_of(payment: ScheduledPayment) -> DunningCase | None:
    """As it is now: whoever writes it holds the account."""
    query = select(DunningCase).where(
        DunningCase.scheduled_payment_id == payment.id, DunningCase.status == CaseStatus.OPEN
    )
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def open_among(payment_ids: Sequence[int]) -> frozenset[int]:
    """Which of these payments have an open case."""
    return frozenset(read_columns(OPEN_AMONG, payment_ids_=list(payment_ids)).scalars())


def steps_of(case: DunningCase) -> Sequence[DunningStep]:
    """In their order, as they are now."""
    query = select(DunningStep).where(DunningStep.case_id == case.id).order_by(DunningStep.position)
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def waiting(case: DunningCase) -> list[DunningStep]:
    """What is still to be done, the next one first."""
    return sorted((x for x in steps_of(case) if x.waits), key=lambda x: (x.due_at, x.position))


def declined(payment: ScheduledPayment, found: Decline) -> bool:
    """The period's charge was declined. Whether the agreement is past due with it, by its policy."""
    case = open_of(payment)
    if case is None:
        case = _open(payment, found)
        if found.code == declines.NOT_TRIED and found.kind not in declines.HOPELESS:
            add(case, Action.RETRY, clock.now())  # nobody hears of a failure before there was one
        _plan(case, found)
    elif found.kind is not case.kind:
        turn(case, found)
    else:
        case.reason = _said(found)
        _spare(case, found)
    announce(case)
    return case.policy_version.plan.past_due_after <= (clock.now() - case.opened_at).days


def _open(payment: ScheduledPayment, found: Decline) -> DunningCase:
    agreement = payment.agreement
    version = policies.current(agreement.dunning_policy_id)
    case = DunningCase(
        agreement_id=agreement.id,
        agreement=agreement,
        scheduled_payment_id=payment.id,
        payment=payment,
        policy_version_id=version.id,
        policy_version=version,
        kind=found.kind,
        reason=_said(found),
    )
    db.session.add(case)
    case.record("opened", by=SYSTEM, because=case.reason, number=agreement.number, period=payment.period)
    after = version.plan.past_due_after
    if after > 0:
        add(case, Action.PAST_DUE, clock.now() + timedelta(days=after))
    return case


def _said(found: Decline) -> str:
    return f"{found.staff} {found.staff_next}"[:500]


def turn(case: DunningCase, found: Decline) -> None:
    """Another kind of decline: what was planned for the one before is dropped, and the policy's steps for this one
    take its place."""
    for step in waiting(case):
        if step.action is not Action.PAST_DUE:
            drop(step, found.staff)
    case.kind, case.reason = found.kind, _said(found)
    _plan(case, found)


def _plan(case: DunningCase, found: Decline) -> None:
    now, retries = clock.now(), 0
    for planned in case.policy_version.plan.steps[found.kind]:
        retries += planned.action is Action.RETRY
        action = _instead(planned, retries, found)
        due_at = now + timedelta(days=planned.day)
        add(case, action, due_at, tell_customer=planned.customer, tell_owner=planned.owner)


def _instead(planned: PlannedStep, retries: int, found: Decline) -> Action:
    """Banks that give no reason are asked only so often; then another card is asked for."""
    hopeless = found.retry == declines.ONCE_OR_TWICE.retry and retries > RETRIES_WITHOUT_REASON
    return Action.NEW_METHOD if hopeless and planned.action is Action.RETRY else planned.action


def _spare(case: DunningCase, found: Decline) -> None:
    """The same where a bank gives no reason only at a retry: those that are left are counted with those that were
    made."""
    retries = [x for x in steps_of(case) if x.action is Action.RETRY and not x.asked_by and (x.waits or x.done_at)]
    for made, step in enumerate(retries, start=1):
        if step.waits:
            step.action = _instead(PlannedStep(0, step.action), made, found)


def add(
    case: DunningCase,
    action: Action,
    due_at: datetime,
    *,
    tell_customer: bool = False,
    tell_owner: bool = False,
    asked_by: str = "",
    note: str = "",
) -> DunningStep:
    db.session.flush()
    last = db.session.scalar(select(func.max(DunningStep.position)).where(DunningStep.case_id == case.id))
    step = DunningStep(
        case_id=case.id,
        case=case,
        position=(last or 0) + 1,
        action=action,
        due_at=due_at,
        tell_customer=tell_customer,
        tell_owner=tell_owner,
        asked_by=asked_by,
        note=note,
    )
    db.session.add(step)
    db.session.flush()
    return step


def drop(step: DunningStep, because: str) -> None:
    step.dropped_at, step.held_until, step.note = clock.now(), None, because[:500]


def announce(case: DunningCase) -> None:
    """Whoever is to hear of the next retry ahead is written to at once, by a job: here rows are held that come after
    those of a mail."""
    following = next(iter(waiting(case)), None)
    if following is not None and following.action is Action.RETRY and following.told_at is None:
        jobs.stage("dunning.tell", step_id=following.id)


def shift(case: DunningCase, done: DunningStep) -> None:
    """What was done late pushes back what follows, so that after a standstill no step comes on the heels of another."""
    late = clock.now() - done.due_at
    if late > LATE:
        for step in waiting(case):
            if step.id != done.id:
                step.due_at += late


def may_follow(payment: ScheduledPayment) -> bool:
    """Whether a decline is anything to do about: not once people have stopped its story, or the agreement does not run
    any more."""
    if open_of(payment) is not None:
        return True
    runs = payment.agreement.status in (AgreementStatus.ACTIVE, AgreementStatus.PAST_DUE)
    return runs and _newest(payment) is not CaseStatus.STOPPED


def known(payment: ScheduledPayment) -> bool:
    """Whether it ever had a story."""
    return _newest(payment) is not None


def _newest(payment: ScheduledPayment) -> CaseStatus | None:
    mine = select(DunningCase.status).where(DunningCase.scheduled_payment_id == payment.id)
    return db.session.scalar(mine.order_by(DunningCase.id.desc()).limit(1))


def unreached(payment: ScheduledPayment, *, rest: timedelta, because: str) -> None:
    """A retry that surely reached nobody is made once more in a while."""
    case = open_of(payment)
    if case is not None:
        made = [step for step in steps_of(case) if step.attempt_id is not None]
        asked_by = made[-1].asked_by if made else ""
        add(case, Action.RETRY, clock.now() + rest, asked_by=asked_by, note=because)


def taken_up(payment: ScheduledPayment) -> None:
    """Another gateway charges what reached nobody, so the retry that was just put down for it is not needed."""
    case = open_of(payment)
    newest = max(waiting(case), key=lambda x: x.position, default=None) if case is not None else None
    if newest is not None and newest.action is Action.RETRY:
        drop(newest, "")


def settled(payment: ScheduledPayment, *, paid: bool, by: Actor) -> None:
    """Its bill is paid, by whatever way, or given up."""
    case = open_of(payment)
    if case is not None:
        end(case, CaseEvent.RECOVER if paid else CaseEvent.WAIVE, by=by)


def agreement_ends(agreement: PaymentAgreement, event: CaseEvent, *, by: Actor, because: str | None) -> None:
    """It was paused or cancelled: nothing more is tried by itself."""
    mine = select(DunningCase).where(DunningCase.agreement_id == agreement.id, DunningCase.status == CaseStatus.OPEN)
    for case in db.session.scalars(mine.execution_options(populate_existing=True)).all():
        end(case, event, by=by, because=because)


def revoked(payment: ScheduledPayment, found: Decline) -> None:
    """The holder took the permission back: nothing more is tried, whatever the policy says, and by a job customer and
    owner are told of it."""
    case = open_of(payment) or _open(payment, found)
    end(case, CaseEvent.PAUSE, by=SYSTEM, because=found.staff)
    step = add(case, Action.STOP, clock.now(), tell_customer=True, tell_owner=True, note=found.staff)
    step.done_at = clock.now()
    jobs.stage("dunning.say_stopped", step_id=step.id)


def end(case: DunningCase, event: CaseEvent, *, by: Actor, because: str | None = None) -> None:
    for step in waiting(case):
        drop(step, because or "")
    about = {"number": case.agreement.number, "period": case.payment.period}
    case.ended_at = clock.now()
    case.transition(event, by=by, because=because, **about)


def resumed(agreement: PaymentAgreement) -> bool:
    """The agreement goes on with periods that are still unpaid: their story begins anew, by the decline they had.
    Whether the agreement is past due with it."""
    failed = select(ScheduledPayment).where(
        ScheduledPayment.agreement_id == agreement.id, ScheduledPayment.status == ScheduledStatus.FAILED
    )
    behind = False
    for payment in db.session.scalars(failed.execution_options(populate_existing=True)).all():
        behind |= declined(payment, last_decline(payment) or _without_decline(payment))
    return behind


def last_decline(payment: ScheduledPayment) -> Decline | None:
    attempt = _last_declined(payment)
    return declines.explain(attempt.decline_code, attempt.advice) if attempt is not None else None


def _without_decline(payment: ScheduledPayment) -> Decline:
    """It was asked for by a bill; or its card was never tried, as it was good for nothing, and it may have another one
    by now."""
    if payment.agreement.collection is not CollectionMethod.SAVED_METHOD or by_bill(payment):
        return declines.UNPAID
    why = verdict.why_card_is_gone(payment.agreement_id, payment.money)
    return declines.never_tried(why) if why else declines.never_tried(_("Not charged so far."), declines.IN_DAYS)


def by_bill(payment: ScheduledPayment) -> bool:
    """Whether its customer was sent a bill with a link, whatever the agreement has changed to since."""
    asked = db.session.get_one(PaymentOrder, payment.payment_order_id)
    return asked.collection is CollectionMethod.PAYMENT_LINK


def declined_card(payment: ScheduledPayment) -> int | None:
    """The saved card that the bank declined last."""
    attempt = _last_declined(payment)
    return attempt.method_id if attempt is not None else None


def _last_declined(payment: ScheduledPayment) -> Attempt | None:
    """Of the charges that the schedule made; what reached nobody was declined by nobody."""
    declined = or_(Attempt.status == AttemptStatus.DECLINED, Attempt.decline_code.in_(declines.TABLE))
    mine = (Attempt.payment_order_id == payment.payment_order_id, Attempt.actor_kind == ActorKind.SYSTEM, declined)
    return db.session.scalars(select(Attempt).where(*mine).order_by(Attempt.id.desc()).limit(1)).first()
