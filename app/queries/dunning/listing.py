"""The recovery page: stories newest first, filtered by what the address says, paged by key; three statements."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flask import url_for
from flask_babel import gettext
from sqlalchemy import ColumnElement, func, or_, select

from ...db import db
from ...errors import NotFound
from ...models import Account, Attempt, DunningCase, DunningStep, PaymentAgreement, ScheduledPayment, User
from ...money import Money
from ...states.declines import DeclineClass
from ...states.dunning import Action, CaseStatus
from ...values import Value
from ..agreements.acts import Act
from ..scope import visible
from . import acts, words

PAGE = 50
STATUSES = tuple(CaseStatus)
EVERY = "every"


class Filter(Value):
    """What the query string asks for; what goes on, where it asks for nothing known."""

    text: str = ""
    status: str = CaseStatus.OPEN.value
    kind: str = ""
    days: int = 90

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Filter:
        status, kind, days = args.get("status", ""), args.get("kind", ""), args.get("days", "")
        return cls(
            " ".join(args.get("q", "").split())[:100],
            status if status in {EVERY, *STATUSES} else CaseStatus.OPEN.value,
            kind if kind in set(DeclineClass) else "",
            int(days) if days in ("30", "90", "365") else 90,
        )

    def url(self, **more: Any) -> str:
        status = self.status if self.status != CaseStatus.OPEN else None
        days = self.days if self.days != 90 else None
        return url_for("dunning.index", q=self.text or None, status=status, kind=self.kind or None, days=days, **more)

    @property
    def narrows(self) -> bool:
        return bool(self.text or self.kind or self.status != CaseStatus.OPEN)


class CaseRow(Value):
    """`tried` counts the charges, the first one and those by hand included; `coming` says what is next, and `note` why
    it waits."""

    number: str
    url: str
    customer: str
    status: str
    kind: str
    reason: str
    amount: Money
    covers_from: date
    covers_to: date
    opened_at: datetime
    ended_at: datetime | None
    tried: int
    tried_at: datetime | None
    coming: str
    note: str
    acts: tuple[Act, ...]


class CaseList(Value):
    rows: tuple[CaseRow, ...]
    previous: str | None
    next: str | None


NEXT = (
    select(DunningStep.id)
    .where(
        DunningStep.case_id == DunningCase.id,
        DunningStep.done_at.is_(None),
        DunningStep.dropped_at.is_(None),
        DunningStep.action != Action.PAST_DUE,
    )
    .order_by(DunningStep.due_at, DunningStep.position)
    .limit(1)
    .correlate(DunningCase)
    .scalar_subquery()
)


def _of_attempts(figure: Any) -> Any:
    mine = select(figure).where(Attempt.payment_order_id == ScheduledPayment.payment_order_id)
    return mine.correlate(ScheduledPayment).scalar_subquery()


COLUMNS: tuple[Any, ...] = (
    *(DunningCase.id, DunningCase.status, DunningCase.kind, DunningCase.reason),
    *(DunningCase.opened_at, DunningCase.ended_at),
    *(PaymentAgreement.number, PaymentAgreement.zone, Account.name.label("customer")),
    *(ScheduledPayment.amount, ScheduledPayment.currency, ScheduledPayment.covers_from, ScheduledPayment.covers_to),
    *(DunningStep.action, DunningStep.due_at, DunningStep.note),
    _of_attempts(func.count(Attempt.id)).label("tried"),
    _of_attempts(func.max(Attempt.created_at)).label("tried_at"),
)


def view(wanted: Filter, reader: User, *, before: int | None = None, after: int | None = None) -> CaseList:
    """One page of stories older than the one with the id `before`, or newer than `after`."""
    found = list(db.session.execute(_page(wanted, reader, before, after)))
    more, found = len(found) > PAGE, found[:PAGE]
    backwards = after is not None
    if backwards:
        found.reverse()
    older, newer = (backwards or more), (more if backwards else before is not None)
    back = wanted.url()
    return CaseList(
        rows=tuple(_row(x, back) for x in found),
        previous=wanted.url(after=found[0].id) if found and newer else None,
        next=wanted.url(before=found[-1].id) if found and older else None,
    )


def _row(x: Any, back: str) -> CaseRow:
    goes_on = x.status is CaseStatus.OPEN
    return CaseRow(
        number=x.number,
        url=url_for("agreements.show", number=x.number) + "#panel-dunning",
        customer=x.customer,
        status=str(x.status),
        kind=gettext(words.KINDS[x.kind]),
        reason=x.reason,
        amount=Money(x.amount, x.currency),
        covers_from=x.covers_from,
        covers_to=x.covers_to,
        opened_at=x.opened_at,
        ended_at=x.ended_at,
        tried=x.tried,
        tried_at=x.tried_at,
        coming=words.coming(x.action, x.due_at, x.zone) if goes_on and x.action else "",
        note=x.note or "" if goes_on else "",
        acts=acts.of(x.id, x.status, x.kind, back=back),
    )


def _joined(statement: Any, reader: User) -> Any:
    return (
        statement.select_from(DunningCase)
        .join(PaymentAgreement, PaymentAgreement.id == DunningCase.agreement_id)
        .join(ScheduledPayment, ScheduledPayment.id == DunningCase.scheduled_payment_id)
        .where(visible(reader, PaymentAgreement.owner_id))
    )


def _page(wanted: Filter, reader: User, before: int | None, after: int | None) -> Any:
    query = _joined(select(*COLUMNS), reader).join(Account, Account.id == PaymentAgreement.account_id)
    query = query.outerjoin(DunningStep, DunningStep.id == NEXT).where(*_conditions(wanted))
    if before is not None:
        query = query.where(DunningCase.id < before)
    if after is not None:
        query = query.where(DunningCase.id > after)
    return query.order_by(DunningCase.id.asc() if after is not None else DunningCase.id.desc()).limit(PAGE + 1)


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status != EVERY:
        found.append(DunningCase.status == CaseStatus(wanted.status))
    if wanted.kind:
        found.append(DunningCase.kind == DeclineClass(wanted.kind))
    if wanted.text:
        number = PaymentAgreement.number.startswith(wanted.text.upper(), autoescape=True)
        found.append(or_(number, Account.name.icontains(wanted.text, autoescape=True)))
    return found


def identify(case_id: int, reader: User) -> tuple[str, str]:
    """Number of its agreement, and the name of the card it charges. Raises NotFound, for foreign ones too."""
    row = db.session.execute(_joined(select(PaymentAgreement), reader).where(DunningCase.id == case_id)).one_or_none()
    if row is None:
        raise NotFound(f"dunning case {case_id}")
    agreement: PaymentAgreement = row[0]
    return agreement.number, agreement.method.label if agreement.method else ""
