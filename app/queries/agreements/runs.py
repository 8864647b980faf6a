"""The recurring runs as pages show them: how far each is, what failed, and what is still due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from flask import url_for
from sqlalchemy import func, select

from ... import clock
from ...access import Permission, can
from ...db import read_columns
from ...errors import NotFound
from ...models import (
    Account,
    Attempt,
    DunningCase,
    PaymentAgreement,
    PaymentOrder,
    RecurringRun,
    ScheduledPayment,
)
from ...money import Money
from ...states import declines
from ...states.attempt import OPEN, AttemptStatus
from ...states.recurring_run import RunStatus
from ...states.scheduled_payment import ScheduledStatus
from ...values import Value
from . import untaken, verdict
from .untaken import Untaken

PAGE, MOST_FAILURES = 10, 50
S = ScheduledStatus


class Progress(Value):
    """Periods that a run took, by what they are now. `linked`: the customer has a link to pay; `left`: due, and not
    asked for by now."""

    charged: int = 0
    declined: int = 0
    unknown: int = 0
    under_way: int = 0
    linked: int = 0
    given_up: int = 0
    waiting: int = 0
    left: int = 0

    @property
    def claimed(self) -> int:
        return self.charged + self.declined + self.unknown + self.under_way + self.linked + self.given_up

    @property
    def due(self) -> int:
        return self.claimed + self.left


class RunLine(Value):
    day: date
    url: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    progress: Progress


class Failure(Value):
    agreement: str
    url: str
    customer: str
    amount: Money
    due_on: date
    payment_order: str
    payment_url: str
    because: str


class RunPage(Value):
    """`newest` alone can be stopped and resumed, and says what is left."""

    id: int
    line: RunLine
    newest: bool
    failures: tuple[Failure, ...]
    untaken: tuple[Untaken, ...] = ()

    @property
    def may_stop(self) -> bool:
        return self.newest and self.line.status != RunStatus.STOPPED and can(Permission.RUN_OPERATE)

    @property
    def may_resume(self) -> bool:
        return self.newest and self.line.status == RunStatus.STOPPED and can(Permission.RUN_OPERATE)

    @property
    def moves(self) -> bool:
        """Whether it may look otherwise in a moment."""
        busy = self.line.progress.under_way or self.line.progress.unknown
        return self.line.status == RunStatus.RUNNING or bool(busy)


class RunList(Value):
    rows: tuple[RunLine, ...]
    older: str | None
    left: int


def listing(before: date | None = None) -> RunList:
    """Newest first; three statements, however many payments there are."""
    query = select(RecurringRun.__table__).order_by(RecurringRun.day.desc()).limit(PAGE + 1)
    found: Any = read_columns(query.where(RecurringRun.day < before) if before else query).all()
    rows, left = found[:PAGE], _left()
    done = _done([row.id for row in rows])
    newest = None if before else next((row.id for row in rows), None)
    lines = tuple(_line(row, done.get(row.id, {}), left if row.id == newest else 0) for row in rows)
    older = url_for("agreements.runs", before=rows[-1].day.isoformat()) if len(found) > PAGE else None
    return RunList(lines, older, left)


def page(day: date) -> RunPage:
    """Six statements. Raises NotFound."""
    last = select(func.max(RecurringRun.id)).scalar_subquery()
    query = select(RecurringRun.__table__, (RecurringRun.id == last).label("newest")).where(RecurringRun.day == day)
    row: Any = read_columns(query).one_or_none()
    if row is None:
        raise NotFound(f"run of {day}")
    line = _line(row, _done([row.id]).get(row.id, {}), _left() if row.newest else 0)
    left = untaken.first() if row.newest and line.progress.left else ()
    return RunPage(row.id, line, bool(row.newest), _failures(row.id), left)


def _line(row: Any, done: dict[tuple[S, AttemptStatus | None], int], left: int) -> RunLine:
    url = url_for("agreements.run", day=row.day.isoformat())
    return RunLine(row.day, url, row.status, row.started_at, row.ended_at, _progress(done, left))


def _progress(done: dict[tuple[S, AttemptStatus | None], int], left: int) -> Progress:
    def many(statuses: Iterable[S], *attempts: AttemptStatus | None) -> int:
        wanted = set(statuses)
        return sum(n for (status, try_), n in done.items() if status in wanted and (not attempts or try_ in attempts))

    unknown = [status for status in OPEN if status is not AttemptStatus.STARTED]
    return Progress(
        charged=many([S.PAID]),
        declined=many([S.FAILED]),
        unknown=many([S.COLLECTING], *unknown),
        under_way=many([S.COLLECTING], AttemptStatus.STARTED),
        linked=many([S.COLLECTING], None),
        given_up=many([S.SKIPPED, S.CANCELLED]),
        waiting=many([S.SCHEDULED]),
        left=left,
    )


def _done(run_ids: Sequence[int]) -> dict[int, dict[tuple[S, AttemptStatus | None], int]]:
    """How many payments of each run stand where, with the attempt that is open for them."""
    open_try = (Attempt.payment_order_id == ScheduledPayment.payment_order_id) & Attempt.status.in_(OPEN)
    on = open_try & (ScheduledPayment.status == S.COLLECTING)
    query = (
        select(ScheduledPayment.run_id, ScheduledPayment.status, Attempt.status, func.count())
        .outerjoin(Attempt, on)
        .where(ScheduledPayment.run_id.in_(run_ids))
        .group_by(ScheduledPayment.run_id, ScheduledPayment.status, Attempt.status)
    )
    found: dict[int, dict[tuple[S, AttemptStatus | None], int]] = {}
    rows: Any = read_columns(query)
    for run_id, status, attempt, many in rows:
        found.setdefault(run_id, {})[status, attempt] = many
    return found


def _left() -> int:
    """Due payments of running agreements that nobody has asked for."""
    query = (
        select(func.count())
        .select_from(ScheduledPayment)
        .join(PaymentAgreement, PaymentAgreement.id == ScheduledPayment.agreement_id)
        .where(ScheduledPayment.status == S.SCHEDULED, ScheduledPayment.due_at <= clock.now())
        .where(verdict.ASKED_FOR)
    )
    return int(read_columns(query).scalar_one())


# Why a period that was never charged has failed.
REASON = (
    select(DunningCase.reason)
    .where(DunningCase.scheduled_payment_id == ScheduledPayment.id)
    .order_by(DunningCase.id.desc())
    .limit(1)
    .correlate(ScheduledPayment)
    .scalar_subquery()
)


def _failures(run_id: int) -> tuple[Failure, ...]:
    """The newest, with what the gateway last said."""
    last = (
        select(func.max(Attempt.id))
        .where(Attempt.payment_order_id == PaymentOrder.id)
        .correlate(PaymentOrder)
        .scalar_subquery()
    )
    query = (
        select(
            *(PaymentAgreement.number, Account.name, ScheduledPayment.amount, ScheduledPayment.currency),
            *(ScheduledPayment.due_on, PaymentOrder.number.label("asked")),
            *(Attempt.error, Attempt.decline_code, Attempt.advice, REASON.label("reason")),
        )
        .select_from(ScheduledPayment)
        .join(PaymentAgreement, PaymentAgreement.id == ScheduledPayment.agreement_id)
        .join(Account, Account.id == PaymentAgreement.account_id)
        .join(PaymentOrder, PaymentOrder.id == ScheduledPayment.payment_order_id)
        .outerjoin(Attempt, Attempt.id == last)
        .where(ScheduledPayment.run_id == run_id, ScheduledPayment.status == S.FAILED)
        .order_by(ScheduledPayment.id.desc())
        .limit(MOST_FAILURES)
    )
    return tuple(
        Failure(
            agreement=row.number,
            url=url_for("agreements.show", number=row.number),
            customer=row.name,
            amount=Money(row.amount, row.currency),
            due_on=row.due_on,
            payment_order=row.asked,
            payment_url=url_for("payments.show", number=row.asked),
            because=declines.explain(row.decline_code, row.advice).staff
            if row.decline_code
            else row.reason or row.error or "",
        )
        for row in read_columns(query)
    )
