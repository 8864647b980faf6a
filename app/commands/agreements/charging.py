"""Collecting what is due of agreements: taken, claimed and charged in batches.

Taking only keeps parallel runs off each other's payments. The claim decides: in its transaction setting, state and
verdict are looked at under the locks, and bill and attempt are written, so that nothing is charged once a pause, a
cancellation or a switched-off setting has committed (invariant 18), and each period once (invariant 17). What the
claim committed is then charged by the charge protocol, whose sweeper finishes what a crash cut short. Where one row
breaks its batch, the batch is done in halves, down to that row alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import aliased

from ... import clock, jobs, settings
from ...db import Instant, db, get, transaction
from ...errors import Refusal
from ...failpoints import failpoint
from ...logs import log
from ...models import Attempt, CollectionMethod, Invoice, PaymentAgreement, PaymentOrder, ScheduledPayment, StagedJob
from ...queries.agreements import verdict
from ...states import attempt
from ...states.invoice import OPEN
from ...states.scheduled_payment import UNSETTLED, ScheduledStatus
from ..payments import many_charges, payment_orders
from . import claiming, holding, outcomes, runs

BATCH = 64
# Well within the lease of its tick.
LONGEST = timedelta(minutes=4)
BESIDE = "agreements.charge_beside"
A_WHILE = timedelta(seconds=15)
DAY = timedelta(days=1)
LEASE = timedelta(minutes=2)


@jobs.tick("agreements.charge_due", every=timedelta(minutes=1))
def run() -> int:
    """How many periods were asked for. Of one agreement the earliest period comes first. Where a card is charged, a
    later one only once it is settled; a bill goes out on its day whatever became of the one before. What cannot be
    asked for now comes back when its lease is over. Where there is more than a batch, another worker is asked in."""
    done, ends, ids = 0, time.monotonic() + LONGEST.total_seconds(), take(BATCH)
    if len(ids) == BATCH:
        _ask_another_in()
    while ids:
        done += collect(ids)
        if time.monotonic() >= ends:
            return done  # the next tick goes on
        ids = take(BATCH)
    runs.finish()
    return done


def _ask_another_in() -> None:
    """Unless one was, and is not done."""
    waits = select(StagedJob.id).where(
        StagedJob.kind == BESIDE, StagedJob.done_at.is_(None), StagedJob.failed_at.is_(None)
    )
    with transaction() as session:
        if session.scalar(waits.limit(1)) is None:
            jobs.stage(BESIDE)


@jobs.handler(BESIDE, tries=1)
def beside() -> int:
    """As run(), for a while; then whatever else waits for a worker has its turn before this goes on."""
    done, ends = 0, time.monotonic() + A_WHILE.total_seconds()
    while ids := take(BATCH):
        done += collect(ids)
        if time.monotonic() >= ends:
            with transaction():
                jobs.stage(BESIDE)
            break
    return done


def batch(most: int) -> int | None:
    """How many of at most so many were asked for; None where nothing is due."""
    ids = take(most)
    return collect(ids) if ids else None


def take(most: int) -> list[int]:
    """Payments that are due, for whoever asks first; the others are passed over, not waited for. After a standstill an
    agreement is asked for only so much a day."""
    now = clock.now()
    with transaction() as session:
        if not settings.fresh(settings.RECURRING) or runs.is_stopped():
            return []
        limits = {"most_a_day": settings.fresh(settings.CATCH_UP), "since": now - DAY}
        ids = list(session.scalars(_due(), limits | {"now": now, "most": most}))
        if ids:
            taken = {"held_until": now + LEASE, "run_id": runs.of_today().id}
            session.execute(update(ScheduledPayment).where(ScheduledPayment.id.in_(ids)).values(taken))
        return ids


@cache
def _due() -> Any:
    """By the index of what waits, from the earliest on. What is asked of its agreement is asked of each payment alone:
    joined, an engine that knows little of the tables goes through all agreements that are active."""
    earlier, now = aliased(ScheduledPayment), bindparam("now", type_=Instant())
    before = select(earlier.id).where(
        earlier.agreement_id == PaymentAgreement.id,
        earlier.period < ScheduledPayment.period,
        earlier.status.in_(UNSETTLED),
        or_(
            earlier.status == ScheduledStatus.SCHEDULED,
            PaymentAgreement.collection != CollectionMethod.PAYMENT_LINK,
        ),
    )
    asked_for = (
        select(verdict.ASKED_FOR & ~before.correlate(PaymentAgreement, ScheduledPayment).exists())
        .where(PaymentAgreement.id == ScheduledPayment.agreement_id)
        .scalar_subquery()
    )
    lately = (
        select(func.count())
        .where(
            PaymentOrder.agreement_id == ScheduledPayment.agreement_id,
            PaymentOrder.created_at > bindparam("since", type_=Instant()),
        )
        .scalar_subquery()
    )
    return (
        select(ScheduledPayment.id)
        .where(
            ScheduledPayment.status == ScheduledStatus.SCHEDULED,
            ScheduledPayment.due_at <= now,
            or_(ScheduledPayment.held_until.is_(None), ScheduledPayment.held_until <= now),
            asked_for,
            lately < bindparam("most_a_day"),
        )
        .order_by(ScheduledPayment.due_at, ScheduledPayment.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )


def collect(payment_ids: Sequence[int]) -> int:
    """Ask for these; how many were. Those that may not be asked for now wait. Claimed a few at a time, so that nobody
    else waits long; charged all at once."""
    failpoint("agreement.taken")
    attempts: list[int] = []

    def claim(some: Sequence[int]) -> int:
        claimed = claiming.claim(some)
        attempts.extend(claimed.attempts)
        return len(claimed.payments)

    def alone(payment_id: int) -> int:
        try:
            return claim([payment_id])
        except Refusal as refusal:
            log.warning("agreement.not_collected", scheduled_payment=payment_id, because=refusal.code)
            return 0

    asked = jobs.together("agreements.charge_due", payment_ids, claim, alone)
    if attempts:
        failpoint("agreement.claimed")
        many_charges.execute(attempts)
    return asked


@jobs.tick("agreements.fall_behind", every=timedelta(minutes=15))
def fall_behind() -> int:
    """Periods that the customer was sent a link for and has not paid by their day. Returns how many. What
    is being charged at this moment is failed by its answer, not by its day."""
    yesterday = clock.now().date() - timedelta(days=1)
    charged = Attempt.payment_order_id == PaymentOrder.id, Attempt.status.in_(attempt.OPEN)
    late = db.session.scalars(
        select(ScheduledPayment.id)
        .join(PaymentOrder, PaymentOrder.id == ScheduledPayment.payment_order_id)
        .join(Invoice, Invoice.id == ScheduledPayment.invoice_id)
        .where(ScheduledPayment.status == ScheduledStatus.COLLECTING, Invoice.status.in_(OPEN))
        .where(PaymentOrder.collection == CollectionMethod.PAYMENT_LINK, PaymentOrder.due_date <= yesterday)
        .where(~select(Attempt.id).where(*charged).exists())
    ).all()
    return jobs.each("agreements.fall_behind", late, _late)


def _late(payment_id: int) -> bool:
    with transaction():
        payment = get(ScheduledPayment, payment_id)
        agreement = holding.hold(payment.agreement_id)
        db.session.refresh(payment)
        payment_order = get(PaymentOrder, payment.payment_order_id)
        due = payment_order.due_date
        if payment.status is not ScheduledStatus.COLLECTING or due is None or due >= clock.today(agreement.zone):
            return False
        if payment_orders.being_paid(payment_order):
            return False
        outcomes.unpaid(payment)
        return True
