"""The list of payment orders: newest first, filtered by what the address says, paged by key. One statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement, and_, func, or_, select

from ...db import db
from ...models import Account, Attempt, Gateway, PaymentOrder, Transaction, User
from ...money import Money
from ...states.attempt import OPEN, AttemptStatus
from ...states.payment_order import PaymentOrderStatus, PaymentStatus, derive
from ...values import Value
from .. import ledger
from . import owners

PAGE = 50
S = PaymentStatus
STATUSES = (
    S.REQUESTED,
    S.DECLINED,
    S.REQUIRES_ACTION,
    S.CONFIRMING,
    S.AUTHORIZED,
    S.PART_PAID,
    S.PAID,
    S.PART_REFUNDED,
    S.REFUNDED,
    S.DISPUTED,
    S.CHARGED_BACK,
    S.CANCELLED,
)


class Filter(Value):
    """What the query string asks for; unknown values ask for nothing."""

    text: str = ""
    status: str = ""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Filter:
        status = args.get("status", "")
        return cls(" ".join(args.get("q", "").split())[:100], status if status in STATUSES else "")

    def url(self, **more: Any) -> str:
        return url_for("payments.index", q=self.text or None, status=self.status or None, **more)

    @property
    def narrows(self) -> bool:
        return bool(self.text or self.status)


class PaymentOrderRow(Value):
    """`source` is what asks for it: an order, or an agreement. `since` is when the last try began, while its end is not
    known."""

    number: str
    url: str
    purpose: str
    customer: str
    source: str
    source_url: str
    of_order: bool
    status: str
    since: datetime | None
    due_date: date | None
    overdue: bool
    amount: Money
    balance: Money


class PaymentOrderList(Value):
    rows: tuple[PaymentOrderRow, ...]
    previous: str | None
    next: str | None


def _last_attempt(column: Any) -> Any:
    query = select(column).where(Attempt.payment_order_id == PaymentOrder.id).correlate(PaymentOrder)
    return query.order_by(Attempt.id.desc()).limit(1).scalar_subquery()


LAST_STATUS = _last_attempt(Attempt.status)
_, CAPTURED, REFUNDED, DISPUTED, HELD, CONTESTED = (column.element for column in ledger.columns())  # type: ignore[attr-defined]

COLUMNS: tuple[Any, ...] = (
    PaymentOrder.id,
    PaymentOrder.number,
    PaymentOrder.purpose,
    PaymentOrder.status,
    PaymentOrder.amount,
    PaymentOrder.currency,
    PaymentOrder.due_date,
    Account.name.label("customer"),
    owners.SOURCE.label("source"),
    PaymentOrder.order_id.is_not(None).label("of_order"),
    *ledger.columns(),
    LAST_STATUS.label("last_attempt"),
    _last_attempt(Attempt.created_at).label("last_attempt_at"),
)


def view(
    wanted: Filter, reader: User, today: date, *, before: int | None = None, after: int | None = None
) -> PaymentOrderList:
    """One page of payment orders older than the one with the id `before`, or newer than `after`."""
    found = _page(wanted, reader, before, after)
    more, found = len(found) > PAGE, found[:PAGE]
    backwards = after is not None
    if backwards:
        found.reverse()
    older, newer = (backwards or more), (more if backwards else before is not None)
    return PaymentOrderList(
        rows=tuple(_row(row, today) for row in found),
        previous=wanted.url(after=found[0].id) if found and newer else None,
        next=wanted.url(before=found[-1].id) if found and older else None,
    )


def _page(wanted: Filter, reader: User, before: int | None, after: int | None) -> list[Any]:
    query = owners.joined(select(*COLUMNS).join(Account, Account.id == PaymentOrder.account_id)).where(
        owners.within_reach(reader), *_conditions(wanted)
    )
    if before is not None:
        query = query.where(PaymentOrder.id < before)
    if after is not None:
        query = query.where(PaymentOrder.id > after)
    key = PaymentOrder.id.asc() if after is not None else PaymentOrder.id.desc()
    return list(db.session.execute(query.order_by(key).limit(PAGE + 1)))


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status:
        found.append(_stands(PaymentStatus(wanted.status)))
    if wanted.text:
        found.append(_matches(wanted.text))
    return found


def _stands(status: PaymentStatus) -> ColumnElement[bool]:
    """`derive` as a condition, for the statuses that the filter offers."""
    undisputed = and_(CONTESTED == 0, DISPUTED == 0)
    kept = and_(undisputed, REFUNDED == 0)
    unpaid, untouched = and_(kept, PaymentOrder.amount > CAPTURED), and_(kept, CAPTURED == 0)
    unheld = and_(untouched, HELD == 0)
    is_open = PaymentOrder.status == PaymentOrderStatus.OPEN
    settled = PaymentOrder.id.not_in(_with_attempts(*OPEN))
    waiting = OPEN - {AttemptStatus.REQUIRES_ACTION}
    declined = func.coalesce(LAST_STATUS, "") == AttemptStatus.DECLINED
    conditions: dict[PaymentStatus, ColumnElement[bool]] = {
        S.REQUESTED: and_(is_open, unheld, settled, ~declined),
        S.DECLINED: and_(is_open, unheld, declined),
        S.REQUIRES_ACTION: and_(unpaid, PaymentOrder.id.in_(_with_attempts(AttemptStatus.REQUIRES_ACTION))),
        S.CONFIRMING: and_(unpaid, PaymentOrder.id.in_(_with_attempts(*waiting))),
        S.AUTHORIZED: and_(untouched, HELD > 0, settled),
        S.PART_PAID: and_(unpaid, CAPTURED > 0, settled),
        S.PAID: and_(kept, PaymentOrder.amount <= CAPTURED),
        S.PART_REFUNDED: and_(undisputed, REFUNDED > 0, REFUNDED < CAPTURED),
        S.REFUNDED: and_(undisputed, REFUNDED > 0, REFUNDED >= CAPTURED),
        S.DISPUTED: CONTESTED > 0,
        S.CHARGED_BACK: and_(CONTESTED == 0, DISPUTED > 0),
        S.CANCELLED: and_(~is_open, unheld, settled),
    }
    return conditions[status]


def _with_attempts(*statuses: AttemptStatus) -> Any:
    return select(Attempt.payment_order_id).where(Attempt.status.in_(statuses))


def _matches(text: str) -> ColumnElement[bool]:
    """By number of payment order, order or agreement from its start, part of a customer's name, or a gateway's id."""
    number = text.upper()
    gateways = select(Gateway.id)  # a provider's id is looked up beside its gateway's
    proven = select(Transaction.payment_order_id).where(
        Transaction.gateway_id.in_(gateways), Transaction.provider_id == text
    )
    return or_(
        PaymentOrder.number.startswith(number, autoescape=True),
        owners.SOURCE.startswith(number, autoescape=True),
        Account.name.icontains(text, autoescape=True),
        PaymentOrder.id.in_(proven),
    )


def _row(row: Any, today: date) -> PaymentOrderRow:
    closed = row.status is PaymentOrderStatus.CANCELLED
    figures = ledger.of_row(row)
    balance = Money(0 if closed else figures.balance, row.currency)
    return PaymentOrderRow(
        number=row.number,
        url=url_for("payments.show", number=row.number),
        purpose=row.purpose,
        customer=row.customer,
        source=row.source,
        source_url=url_for("orders.show" if row.of_order else "agreements.show", number=row.source),
        of_order=row.of_order,
        status=derive(figures, row.last_attempt, cancelled=closed),
        since=row.last_attempt_at if row.last_attempt in OPEN else None,
        due_date=row.due_date,
        overdue=bool(balance) and row.due_date is not None and row.due_date < today,
        amount=Money(row.amount, row.currency),
        balance=balance,
    )
