"""One payout: what it comes to by kind, its lines with what each is of ours, and what happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import url_for
from sqlalchemy import Row, select

from ...db import read_columns
from ...errors import NotFound
from ...models import (
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
from .batches import Sums, summed, sums_of_lines

PAGE = 50
MOST_HISTORY = 30


class LineRow(Value):
    """`presented` and `rate` are there where the customer paid in another currency than the payout's."""

    id: int
    reference: str
    kind: str
    source: str | None
    description: str
    at: datetime
    gross: Money
    fee: Money
    net: Money
    presented: Money | None
    rate: Decimal | None
    payment_order: Link | None
    order: Link | None
    exception: str | None


class BatchPage(Value):
    id: int
    reference: str
    gateway: str
    state: str
    created_on: date
    arrives_on: date
    synced_at: datetime
    sums: Sums
    kinds: tuple[tuple[str, int, Money, Money], ...]
    lines: tuple[LineRow, ...]
    previous: str | None
    next: str | None
    exceptions: tuple[Link, ...]
    history: Sequence[Row[Any]]


def view(batch_id: int, *, after: int | None = None, before: int | None = None) -> BatchPage:
    """Its lines in the processor's order, after the one with the id `after` or before `before`. Five statements.
    Raises NotFound."""
    row = _row(batch_id)
    kinds = list(read_columns(sums_of_lines(SettlementLine.batch_id == batch_id)))
    lines, previous, next = _page(batch_id, after, before)
    currency = row.currency
    return BatchPage(
        id=row.id,
        reference=row.provider_id,
        gateway=row.gateway,
        state=row.state,
        created_on=row.created_on,
        arrives_on=row.arrives_on,
        synced_at=row.synced_at,
        sums=summed(Money(row.net, currency), kinds),
        kinds=tuple(_kind(k, currency) for k in sorted(kinds, key=lambda k: words.ORDER.index(k.kind))),
        lines=lines,
        previous=previous,
        next=next,
        exceptions=_exceptions(batch_id),
        history=_history(batch_id),
    )


def _kind(row: Row[Any], currency: str) -> tuple[str, int, Money, Money]:
    return words.kind(row.kind), int(row.lines), Money(int(row.gross), currency), Money(int(row.fee), currency)


def _row(batch_id: int) -> Row[Any]:
    query = (
        select(*SettlementBatch.__table__.columns, Gateway.name.label("gateway"))
        .join(Gateway, Gateway.id == SettlementBatch.gateway_id)
        .where(SettlementBatch.id == batch_id)
    )
    found = read_columns(query).one_or_none()
    if found is None:
        raise NotFound(f"settlement batch {batch_id}")
    return found


def every(batch_id: int) -> tuple[BatchPage, tuple[LineRow, ...]]:
    """The payout and all its lines, for a file. Raises NotFound."""
    return view(batch_id), tuple(_line(r) for r in read_columns(_lines(batch_id).order_by(SettlementLine.id)))


def _page(batch_id: int, after: int | None, before: int | None) -> tuple[tuple[LineRow, ...], str | None, str | None]:
    query, backwards = _lines(batch_id), before is not None and after is None
    if after is not None:
        query = query.where(SettlementLine.id > after)
    elif before is not None:
        query = query.where(SettlementLine.id < before)
    key = SettlementLine.id.desc() if backwards else SettlementLine.id.asc()
    found = list(read_columns(query.order_by(key).limit(PAGE + 1)))
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    has_next, has_previous = (backwards or more), (more if backwards else after is not None)
    here = "settlement.batch"
    return (
        tuple(_line(r) for r in found),
        url_for(here, batch_id=batch_id, before=found[0].id) if found and has_previous else None,
        url_for(here, batch_id=batch_id, after=found[-1].id) if found and has_next else None,
    )


def _lines(batch_id: int) -> Any:
    exception = (
        select(SettlementException.kind)
        .where(
            SettlementException.subject_kind == SettlementLine.__tablename__,
            SettlementException.subject_id == SettlementLine.id,
            SettlementException.status == ExceptionStatus.OPEN,
        )
        .limit(1)
        .correlate(SettlementLine)
        .scalar_subquery()
    )
    return (
        select(
            *SettlementLine.__table__.columns,
            exception.label("exception"),
            PaymentOrder.number.label("payment_order"),
            SalesOrder.number.label("order"),
        )
        .outerjoin(SettlementMatch, SettlementMatch.line_id == SettlementLine.id)
        .outerjoin(Transaction, Transaction.id == SettlementMatch.transaction_id)
        .outerjoin(PaymentOrder, PaymentOrder.id == Transaction.payment_order_id)
        .outerjoin(SalesOrder, SalesOrder.id == PaymentOrder.order_id)
        .where(SettlementLine.batch_id == batch_id)
    )


def _line(row: Row[Any]) -> LineRow:
    shown = row.presented_currency is not None and row.presented_currency != row.currency
    return LineRow(
        id=row.id,
        reference=row.provider_id,
        kind=row.kind,
        source=row.source_id,
        description=row.description,
        at=row.at,
        gross=Money(row.gross, row.currency),
        fee=Money(row.fee, row.currency),
        net=Money(row.net, row.currency),
        presented=Money(row.presented, row.presented_currency) if shown else None,
        rate=row.rate if shown else None,
        payment_order=_link("payments.show", row.payment_order),
        order=_link("orders.show", row.order),
        exception=words.exception(row.exception) if row.exception else None,
    )


def _link(endpoint: str, number: str | None) -> Link | None:
    return Link(number, url_for(endpoint, number=number)) if number else None


def _exceptions(batch_id: int) -> tuple[Link, ...]:
    query = (
        select(SettlementException.id, SettlementException.kind, SettlementException.reference)
        .where(SettlementException.batch_id == batch_id, SettlementException.status == ExceptionStatus.OPEN)
        .order_by(SettlementException.id)
        .limit(MOST_HISTORY)
    )
    return tuple(
        Link(f"{words.exception(r.kind)}: {r.reference}", url_for("settlement.exceptions") + f"#exception-{r.id}")
        for r in read_columns(query)
    )


def _history(batch_id: int) -> Sequence[Row[Any]]:
    query: Any = select(
        History.event, History.from_status, History.to_status, History.actor_name, History.because, History.at
    )
    mine = query.where(History.entity == SettlementBatch.__tablename__, History.entity_id == batch_id)
    return read_columns(mine.order_by(History.id.desc()).limit(MOST_HISTORY)).all()
