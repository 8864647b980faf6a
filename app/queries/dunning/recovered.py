"""Money that dunning brought back, and what is at stake: summed from allocations and periods, currency by currency."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased

from ... import clock
from ...db import db
from ...models import Allocation, DunningCase, PaymentAgreement, ScheduledPayment, User
from ...money import Money
from ...states.dunning import CaseStatus
from ...states.scheduled_payment import ScheduledStatus
from ...values import Value
from ..scope import visible


class Figure(Value):
    """So many stories, and the money they are about."""

    count: int
    amount: Money


class Figures(Value):
    """`recovered` is what was paid, less what was given back, in stories that ended recovered; `open` what the periods
    of those that go on come to; `lost` those of stories that ended unpaid."""

    recovered: tuple[Figure, ...]
    open: tuple[Figure, ...]
    lost: tuple[Figure, ...]


later = aliased(DunningCase)
# A period counts once, by its newest story, and is not lost once it is paid.
NEWER = exists().where(later.scheduled_payment_id == DunningCase.scheduled_payment_id, later.id > DunningCase.id)
UNPAID = ScheduledPayment.status != ScheduledStatus.PAID
LOST = (CaseStatus.PAUSED, CaseStatus.CANCELLED, CaseStatus.STOPPED, CaseStatus.WAIVED)


def view(days: int, reader: User) -> Figures:
    """Of stories that ended in the last so many days, and of all that go on. Two statements."""
    since = clock.now() - timedelta(days=days)
    rows = db.session.execute(
        _mine(
            select(DunningCase.status, PaymentAgreement.currency, func.count(), func.sum(ScheduledPayment.amount)),
            reader,
        )
        .where((DunningCase.status == CaseStatus.OPEN) | (DunningCase.ended_at >= since) & ~NEWER & UNPAID)
        .group_by(DunningCase.status, PaymentAgreement.currency)
        .order_by(PaymentAgreement.currency)
    ).all()
    return Figures(
        recovered=_recovered(since, reader),
        open=_together(rows, (CaseStatus.OPEN,)),
        lost=_together(rows, LOST),
    )


def _mine(statement: Any, reader: User) -> Any:
    return (
        statement.select_from(DunningCase)
        .join(PaymentAgreement, PaymentAgreement.id == DunningCase.agreement_id)
        .join(ScheduledPayment, ScheduledPayment.id == DunningCase.scheduled_payment_id)
        .where(visible(reader, PaymentAgreement.owner_id))
    )


def _recovered(since: Any, reader: User) -> tuple[Figure, ...]:
    paid = (
        select(func.sum(Allocation.amount))
        .where(Allocation.invoice_id == ScheduledPayment.invoice_id, Allocation.at >= DunningCase.opened_at)
        .correlate(ScheduledPayment, DunningCase)
        .scalar_subquery()
    )
    rows = db.session.execute(
        _mine(select(PaymentAgreement.currency, func.count(), func.sum(func.coalesce(paid, 0))), reader)
        .where(DunningCase.status == CaseStatus.RECOVERED, DunningCase.ended_at >= since)
        .group_by(PaymentAgreement.currency)
        .order_by(PaymentAgreement.currency)
    )
    return tuple(Figure(count, Money(int(amount), currency)) for currency, count, amount in rows)


def _together(rows: Any, statuses: tuple[CaseStatus, ...]) -> tuple[Figure, ...]:
    sums: dict[str, tuple[int, int]] = {}
    for status, currency, count, amount in rows:
        if status in statuses:
            before = sums.get(currency, (0, 0))
            sums[currency] = (before[0] + count, before[1] + int(amount))
    return tuple(Figure(count, Money(amount, currency)) for currency, (count, amount) in sums.items())
