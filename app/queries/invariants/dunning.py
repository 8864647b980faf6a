"""Rules of dunning, beside 18: it asks for what is unpaid, is never forgotten, spares what a bank refused for good."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from ... import clock
from ...models import Attempt, DunningCase, DunningStep, Invoice, PaymentAgreement, PaymentOrder, ScheduledPayment
from ...states.declines import HOPELESS
from ...states.dunning import CaseStatus
from ...states.invoice import OPEN
from ...states.scheduled_payment import ScheduledStatus
from .asking import found

S = ScheduledStatus


def beside_the_point(grace: timedelta) -> list[str]:
    """An open story of a period that is paid, given up or cancelled, or whose agreement does not run."""
    rows = found(
        select(PaymentAgreement.number, ScheduledPayment.period)
        .select_from(DunningCase)
        .join(PaymentAgreement, PaymentAgreement.id == DunningCase.agreement_id)
        .join(ScheduledPayment, ScheduledPayment.id == DunningCase.scheduled_payment_id)
        .join(Invoice, Invoice.id == ScheduledPayment.invoice_id)
        .where(DunningCase.status == CaseStatus.OPEN)
        .where(
            ScheduledPayment.status.not_in((S.FAILED, S.COLLECTING))
            | Invoice.status.not_in(OPEN)
            | PaymentAgreement.status.not_in(("active", "past_due"))
        )
    )
    return [f"{r.number}: dunning for period {r.period} goes on, and nothing is to be collected" for r in rows]


def forgotten(grace: timedelta) -> list[str]:
    waits = select(DunningStep.id).where(
        DunningStep.case_id == DunningCase.id, DunningStep.done_at.is_(None), DunningStep.dropped_at.is_(None)
    )
    rows = found(
        select(PaymentAgreement.number, ScheduledPayment.period)
        .select_from(DunningCase)
        .join(PaymentAgreement, PaymentAgreement.id == DunningCase.agreement_id)
        .join(ScheduledPayment, ScheduledPayment.id == DunningCase.scheduled_payment_id)
        .where(DunningCase.status == CaseStatus.OPEN, DunningCase.opened_at <= clock.now() - grace)
        .where(ScheduledPayment.status == S.FAILED, ~waits.exists())
    )
    return [f"{r.number}: dunning for period {r.period} has no next step" for r in rows]


def hard_declined_again(grace: timedelta) -> list[str]:
    """A retry with the very card that the bank had refused for good for this period, unless its holder gave it anew
    since, or its bank renewed it: then the retry carries their name."""
    before, between = aliased(Attempt), aliased(Attempt)
    last = select(func.max(between.id)).where(
        between.payment_order_id == Attempt.payment_order_id,
        between.method_id == Attempt.method_id,
        between.id < Attempt.id,
    )
    rows = found(
        select(PaymentOrder.number)
        .select_from(DunningStep)
        .join(Attempt, Attempt.id == DunningStep.attempt_id)
        .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
        .join(before, before.id == last.correlate(Attempt).scalar_subquery())
        .where(before.decline_class.in_(HOPELESS))
        .where(DunningStep.asked_by == "")
        .distinct()
    )
    return [f"{r.number} was charged again to a card that the bank had refused for good" for r in rows]
