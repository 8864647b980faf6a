"""Terms that go on: those that renew themselves, and those that somebody renews."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import select

from ... import audit, clock
from ...access import Permission, demand
from ...cadence import end_of_term
from ...db import db, transaction
from ...errors import Refusal, StaleVersion
from ...mail.agreement_kinds import TermEndsNotice, Told
from ...models import (
    SYSTEM,
    Actor,
    CollectionMethod,
    History,
    PaymentAgreement,
    Proration,
    ScheduledPayment,
    Subscription,
    User,
)
from ...states.agreement import AHEAD, AgreementStatus
from ...states.scheduled_payment import ScheduledStatus
from ..post import owner_mails
from . import holding, schedule, telling, versions

DAY = timedelta(days=1)


def renew(agreement_id: int, months: int, *, version: int, because: str, by: User) -> PaymentAgreement:
    """A term that is renewed by hand goes on for so many months.

    Raises Refusal: `not_permitted`, `not_renewable`, `stale_version`.
    """
    with transaction():
        demand(by, Permission.AGREEMENT_MANAGE)
        row = holding.hold(agreement_id)
        if not row.renewable:
            raise Refusal(
                "not_renewable",
                "%(number)s has no term that is renewed by hand.",
                "Reload the page.",
                number=row.number,
            )
        if row.version != version:
            raise StaleVersion("This agreement was changed since the page was opened.", row.version)
        _lengthen(row, months, because.strip() or "Renewed", by=Actor.of(by))
        return row


def due(row: PaymentAgreement, today: date) -> bool:
    """A term that renews itself is lengthened a month before it ends, so that what comes next is always in sight."""
    billed_on = row.status is AgreementStatus.PAST_DUE and row.collection is CollectionMethod.PAYMENT_LINK
    if not row.renews_itself or not (row.status is AgreementStatus.ACTIVE or billed_on):  # as in verdict.ASKED_FOR
        return False
    return row.ends_on is not None and row.ends_on - AHEAD <= today


def remind(row: PaymentAgreement, today: date) -> bool:
    """The owner of a term that is renewed by hand, a month before it ends, once for each end. Inside a transaction,
    agreement held."""
    if not row.renewable or row.ends_on is None or not today <= row.ends_on <= today + AHEAD:
        return False
    last = select(History.data).where(
        History.entity == row.__tablename__, History.entity_id == row.id, History.event == "term_ends"
    )
    day = row.ends_on.isoformat()
    if any(data["day"] == day for data in db.session.scalars(last)):
        return False
    row.record("term_ends", by=SYSTEM, number=row.number, day=day)
    content = TermEndsNotice(
        number=row.number, customer=row.account.name, amount=row.totals().gross, last_day=row.ends_on
    )
    owner_mails.tell(content, row, row, cause=f"term_ends:{day}")
    return True


def by_itself(row: PaymentAgreement) -> None:
    """Inside a transaction, agreement held."""
    if row.term_months is None:
        raise ValueError("only a term is renewed")
    _lengthen(row, row.term_months, "Renewed by its terms", by=SYSTEM)


def make_up(row: PaymentAgreement) -> None:
    """Of a term that renews itself: what it would have done while it was paused."""
    if row.renews_itself and row.ends_on is not None and row.ends_on < clock.today(row.zone):
        by_itself(row)


def _lengthen(row: PaymentAgreement, months: int, because: str, *, by: Actor) -> None:
    """By so many months, and again until its end is to come."""
    if row.ends_on is None:
        raise ValueError("only a term that has an end is renewed")
    before, running = row.ends_on, subscriptions(row)
    _begin_anew(row)
    row.ends_on = _next_end(
        max((x.starts_on for x in running), default=row.anchor), months, before, clock.today(row.zone)
    )
    row.record("renewed", by=by, because=because, number=row.number, day=row.ends_on.isoformat())
    audit.note("agreement.renew", row.number, by=by, before=before.isoformat(), after=row.ends_on.isoformat())
    schedule.renew(row, by=by, because="Renewed")
    for subscription in running:
        subscription.ends_on = row.ends_on
    paper = versions.write(row, because, by=by)
    telling.tell(row, Told.RENEWED, paper=paper, until=row.ends_on, by=by)


def _begin_anew(row: PaymentAgreement) -> None:
    """Where the end has cut a period short that is paid by its days, what comes is counted from the day after it."""
    mine = select(ScheduledPayment).where(ScheduledPayment.agreement_id == row.id)
    last = db.session.scalars(mine.order_by(ScheduledPayment.period.desc()).limit(1)).first()
    if last is None or row.proration is Proration.NONE:
        return
    stays = last.status is not ScheduledStatus.SCHEDULED or last.due_on <= clock.today(row.zone)
    if stays and last.covers_to < schedule.starts(row, last.period + 1) - DAY:
        row.anchor, row.anchor_period = last.covers_to + DAY, last.period + 1


def _next_end(starts: date, months: int, before: date, today: date) -> date:
    """Counted from the first day of the first term, as periods are from their anchor: no month drifts."""
    n = 1
    while end_of_term(starts, n) < before:
        n += 1
    n += months
    while (end := end_of_term(starts, n)) < today:
        n += months
    return end


def subscriptions(row: PaymentAgreement) -> Sequence[Subscription]:
    return db.session.scalars(select(Subscription).where(Subscription.agreement_id == row.id)).all()
