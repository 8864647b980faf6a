"""What does not fit between payouts and our books: the queue, newest first, paged by key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement, Row, and_, case, func, select

from ...access import Permission, can
from ...db import read_columns
from ...errors import NotFound
from ...models import (
    ExceptionKind,
    Gateway,
    History,
    PaymentOrder,
    SalesOrder,
    SettlementBatch,
    SettlementException,
    SettlementLine,
    SettlementMatch,
    Transaction,
)
from ...money import Money
from ...states.settlement_exception import ExceptionStatus
from ...values import Value
from ..orders.views import Link
from . import words

PAGE = 50
MOST_IN_A_FILE = 20_000
X = SettlementException


class Filter(Value):
    """What the query string asks for; without a word it asks for what is open, `all` for everything."""

    status: str = ExceptionStatus.OPEN.value
    kind: str = ""
    gateway: str = ""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Filter:
        status, kind = args.get("status", ""), args.get("kind", "")
        return cls(
            status if status in {*ExceptionStatus, "all"} else ExceptionStatus.OPEN.value,
            kind if kind in set(ExceptionKind) else "",
            args.get("gateway", "")[:40],
        )

    def url(self, endpoint: str = "settlement.exceptions", **more: Any) -> str:
        values = {"status": self.status, "kind": self.kind or None, "gateway": self.gateway or None}
        return url_for(endpoint, **(values | more))


class ExceptionRow(Value):
    """`expected` is what our books say, or what was paid out where its lines come to something else; `found` is what
    the payout's lines say; `last` is who closed it, and why."""

    id: int
    kind: ExceptionKind
    word: str
    meaning: str
    status: str
    reference: str
    gateway: str
    expected: Money | None
    found: Money | None
    since: datetime
    batch: Link | None
    payment_order: Link | None
    order: Link | None
    last: Row[Any] | None
    may_accept: bool
    may_reopen: bool

    @property
    def difference(self) -> Money | None:
        if self.expected is None or self.found is None or self.expected.currency != self.found.currency:
            return None
        return self.found - self.expected


class Queue(Value):
    """`counts`: how many there are by status, whatever page this is."""

    rows: tuple[ExceptionRow, ...]
    counts: dict[str, int]
    previous: str | None
    next: str | None


def view(wanted: Filter, *, before: int | None = None, after: int | None = None) -> Queue:
    """Three statements, however many there are."""
    query, backwards = _query(wanted), after is not None and before is None
    if before is not None:
        query = query.where(X.id < before)
    elif after is not None:
        query = query.where(X.id > after)
    found = list(read_columns(query.order_by(X.id.asc() if backwards else X.id.desc()).limit(PAGE + 1)))
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    older, newer = (backwards or more), (more if backwards else before is not None)
    return Queue(
        rows=_rows(found),
        counts=_counts(wanted),
        previous=wanted.url(after=found[0].id) if found and newer else None,
        next=wanted.url(before=found[-1].id) if found and older else None,
    )


def every(wanted: Filter) -> tuple[ExceptionRow, ...]:
    """All that the filter finds, for a file."""
    return _rows(list(read_columns(_query(wanted).order_by(X.id.desc()).limit(MOST_IN_A_FILE))))


def one(exception_id: int) -> ExceptionRow:
    """Raises NotFound."""
    found = list(read_columns(_query(Filter(status="all")).where(X.id == exception_id)))
    if not found:
        raise NotFound(f"settlement exception {exception_id}")
    return _rows(found)[0]


def _counts(wanted: Filter) -> dict[str, int]:
    everything = Filter("all", wanted.kind, wanted.gateway)
    query = (
        select(X.status, func.count().label("number"))
        .join(Gateway, Gateway.id == X.gateway_id)
        .where(*_conditions(everything))
        .group_by(X.status)
    )
    return {row.status: row.number for row in read_columns(query)}


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status != "all":
        found.append(X.status == ExceptionStatus(wanted.status))
    if wanted.kind:
        found.append(X.kind == ExceptionKind(wanted.kind))
    if wanted.gateway:
        found.append(Gateway.key == wanted.gateway)
    return found


def _query(wanted: Filter) -> Any:
    """Each with the line it is about, the transaction it is about or that its line settles, and the payout."""
    about_line = and_(X.subject_kind == SettlementLine.__tablename__, SettlementLine.id == X.subject_id)
    itself = case((X.subject_kind == Transaction.__tablename__, X.subject_id))
    return (
        select(
            X.id,
            X.kind,
            X.status,
            X.reference,
            X.facts,
            X.created_at,
            Gateway.name.label("gateway"),
            SettlementLine.id.label("line_id"),
            func.coalesce(SettlementLine.presented_currency, SettlementLine.currency).label("line_currency"),
            SettlementBatch.id.label("batch_id"),
            SettlementBatch.provider_id.label("batch"),
            SettlementBatch.currency.label("batch_currency"),
            Transaction.currency.label("own_currency"),
            PaymentOrder.number.label("payment_order"),
            SalesOrder.number.label("order"),
        )
        .join(Gateway, Gateway.id == X.gateway_id)
        .outerjoin(SettlementLine, about_line)
        .outerjoin(SettlementMatch, SettlementMatch.line_id == SettlementLine.id)
        .outerjoin(SettlementBatch, SettlementBatch.id == X.batch_id)
        .outerjoin(Transaction, Transaction.id == func.coalesce(SettlementMatch.transaction_id, itself))
        .outerjoin(PaymentOrder, PaymentOrder.id == Transaction.payment_order_id)
        .outerjoin(SalesOrder, SalesOrder.id == PaymentOrder.order_id)
        .where(*_conditions(wanted))
    )


def _rows(found: list[Row[Any]]) -> tuple[ExceptionRow, ...]:
    moves = _last_moves([r.id for r in found])
    may = can(Permission.SETTLEMENT_SYNC)
    return tuple(_row(r, moves.get(r.id), may) for r in found)


def _last_moves(ids: list[int]) -> dict[int, Row[Any]]:
    """How each that is not as it was opened came to be so."""
    query: Any = (
        select(History.entity_id, History.event, History.actor_name, History.because, History.at)
        .where(History.entity == X.__tablename__, History.entity_id.in_(ids), History.to_status.is_not(None))
        .order_by(History.id)
    )
    return {row.entity_id: row for row in read_columns(query)} if ids else {}


def _row(row: Row[Any], last: Row[Any] | None, may: bool) -> ExceptionRow:
    theirs = row.facts.get("currency") or row.line_currency or row.batch_currency
    ours = row.own_currency or theirs
    if row.kind is ExceptionKind.SUM:
        ours = theirs = row.batch_currency
    anchor = f"#line-{row.line_id}" if row.line_id else ""
    batch = row.batch and Link(row.batch, url_for("settlement.batch", batch_id=row.batch_id) + anchor)
    return ExceptionRow(
        id=row.id,
        kind=row.kind,
        word=words.exception(row.kind),
        meaning=words.meaning(row.kind),
        status=row.status,
        reference=row.reference,
        gateway=row.gateway,
        expected=_money(row.facts.get("expected"), ours),
        found=_money(row.facts.get("found"), theirs),
        since=row.created_at,
        batch=batch,
        payment_order=_link("payments.show", row.payment_order),
        order=_link("orders.show", row.order),
        last=last,
        may_accept=may and row.status is ExceptionStatus.OPEN,
        may_reopen=may and row.status is ExceptionStatus.ACCEPTED,
    )


def _money(minor: int | None, currency: str | None) -> Money | None:
    return Money(minor, currency) if minor is not None and currency else None


def _link(endpoint: str, number: str | None) -> Link | None:
    return Link(number, url_for(endpoint, number=number)) if number else None
