"""What the customer and the agreement's owner are told outside of the steps of a policy: of a retry that is to come,
when the decline before it is known, long before its day; and that a plan has stopped before its policy was at its
end."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import gettext as _

from ... import clock, jobs
from ...db import db, get, transaction
from ...errors import Refusal
from ...models import DunningStep, PaymentOrder
from ...states.agreement import AgreementStatus
from ...states.dunning import Ending
from ..agreements import holding
from ..post import dunning_mails
from . import cases, checkouts, steps

AGAIN = timedelta(minutes=5)
ENDINGS = {AgreementStatus.PAUSED: Ending.PAUSE, AgreementStatus.CANCELLED: Ending.CANCEL}


@jobs.handler("dunning.tell")
def ahead(step_id: int) -> None:
    """Once for each retry. Where nobody can be written to, the step says so and is done all the same."""
    try:
        _ahead(step_id)
    except Refusal as refusal:
        if refusal.code == "payment_in_progress":
            raise jobs.Later(AGAIN, refusal.sentence) from None
        _not_told(step_id, refusal)


def _ahead(step_id: int) -> None:
    with transaction():
        step = _held(step_id)
        if step is None:
            return
        step.told_at = clock.now()
        if step.tell_customer:
            payment = step.case.payment
            last = cases.last_decline(payment)
            intent = checkouts.for_mail(get(PaymentOrder, payment.payment_order_id))
            dunning_mails.retry(step, intent, reason=_(last.reason) if last else "")
        if step.tell_owner:
            dunning_mails.owner(step, step.case.payment, following=step)


@jobs.handler("dunning.say_stopped")
def stopped(step_id: int) -> None:
    """Once for each step. The owner is told whether or not the customer can be."""
    with transaction():
        step = _untold(step_id)
        if step is None:
            return
        step.told_at = clock.now()
        ending = ENDINGS.get(step.case.agreement.status, Ending.LEAVE)
        try:
            intent = checkouts.for_mail(get(PaymentOrder, step.case.payment.payment_order_id))
            dunning_mails.stopped(step, intent, ending)
        except Refusal as refusal:
            if refusal.code == "payment_in_progress":
                raise jobs.Later(AGAIN, refusal.sentence) from None
            step.tell_customer, step.note = False, _("Not mailed: %(reason)s", reason=refusal.sentence)[:500]
        dunning_mails.owner(step, step.case.payment, following=None, now=steps.ended(ending))


def _untold(step_id: int) -> DunningStep | None:
    holding.hold(get(DunningStep, step_id).case.agreement_id)
    step = db.session.get_one(DunningStep, step_id, populate_existing=True)
    return step if step.told_at is None else None


def _held(step_id: int) -> DunningStep | None:
    """The step, held, if it is still to be told of."""
    case = get(DunningStep, step_id).case
    holding.hold(case.agreement_id)
    current = cases.open_of(case.payment)
    if current is None:
        return None
    return next((x for x in cases.waiting(current) if x.id == step_id and x.told_at is None), None)


def _not_told(step_id: int, refusal: Refusal) -> None:
    with transaction():
        step = _held(step_id)
        if step is not None:
            step.told_at, step.note = clock.now(), _("Not mailed: %(reason)s", reason=refusal.sentence)[:500]
