"""Where the money of a transaction stands: in which payout, after which fee; or not settled yet, or held up.

`columns()` and `joined()` put it beside transactions in a statement that somebody asks anyway; `of()` asks for some.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from flask import url_for
from sqlalchemy import BigInteger, Row, cast, func, select
from sqlalchemy.orm import aliased

from ...db import read_columns
from ...models import (
    BatchState,
    ExceptionKind,
    SettlementBatch,
    SettlementException,
    SettlementLine,
    SettlementMatch,
    Transaction,
    TransactionAction,
)
from ...money import Money
from ...states.settlement_exception import ExceptionStatus
from ...values import Value

A = TransactionAction
MOVES_MONEY = frozenset({A.CHARGE, A.CAPTURE, A.REFUND})
# Payouts take some days; money that has gone nowhere after this long is somebody's to look for.
OVERDUE = timedelta(days=10)
COMING = frozenset({BatchState.PENDING, BatchState.IN_TRANSIT})

_Line = aliased(SettlementLine)
_FIRST_LINE = (
    select(func.min(SettlementMatch.line_id))
    .where(SettlementMatch.transaction_id == Transaction.id)
    .correlate(Transaction)
    .scalar_subquery()
)
_FEE = (
    select(cast(func.coalesce(func.sum(_Line.fee), 0), BigInteger))
    .join(SettlementMatch, SettlementMatch.line_id == _Line.id)
    .where(SettlementMatch.transaction_id == Transaction.id)
    .correlate(Transaction)
    .scalar_subquery()
)


def _held(kind: ExceptionKind, subject: Any) -> Any:
    """The open exception of this kind about the row at hand; each kind is about rows of one table only."""
    return (
        select(SettlementException.id)
        .where(
            SettlementException.kind == kind,
            SettlementException.subject_kind == subject.__tablename__,
            SettlementException.subject_id == subject.id,
            SettlementException.status == ExceptionStatus.OPEN,
        )
        .correlate(subject)
        .scalar_subquery()
    )


_HELD = func.coalesce(_held(ExceptionKind.MISSING, Transaction), _held(ExceptionKind.DIFFERING, SettlementLine))


class Standing(Value):
    """`status` is a badge's: settled, coming, failed, exception or not_yet. `fee` is what was kept of its own
    lines, in the payout's currency."""

    status: str
    batch: str | None
    batch_id: int | None
    arrives_on: date | None
    fee: Money | None

    @property
    def href(self) -> str | None:
        return url_for("settlement.batch", batch_id=self.batch_id) if self.batch_id else None


def columns() -> tuple[Any, ...]:
    return (
        SettlementBatch.id.label("batch_id"),
        SettlementBatch.provider_id.label("batch"),
        SettlementBatch.state.label("batch_state"),
        SettlementBatch.arrives_on.label("batch_arrives_on"),
        SettlementBatch.currency.label("fee_currency"),
        _FEE.label("settled_fee"),
        _HELD.label("held_by"),
    )


def joined(statement: Any) -> Any:
    """`statement` has Transaction already, however it is joined."""
    return statement.outerjoin(SettlementLine, SettlementLine.id == _FIRST_LINE).outerjoin(
        SettlementBatch, SettlementBatch.id == SettlementLine.batch_id
    )


def read(row: Row[Any]) -> Standing | None:
    """From a row with `columns()` and the transaction's `action`; None where no money moves."""
    if row.action not in MOVES_MONEY:
        return None
    return Standing(
        status=_status(row),
        batch=row.batch,
        batch_id=row.batch_id,
        arrives_on=row.batch_arrives_on,
        fee=Money(row.settled_fee, row.fee_currency) if row.batch_id is not None else None,
    )


def _status(row: Row[Any]) -> str:
    if row.held_by is not None:
        return "exception"
    if row.batch_id is None:
        return "not_yet"
    if row.batch_state in COMING:
        return "coming"
    return "settled" if row.batch_state is BatchState.PAID else "failed"


def of(transaction_ids: Iterable[int]) -> dict[int, Standing | None]:
    """By transaction id; one statement."""
    query = joined(select(Transaction.id, Transaction.action, *columns()).select_from(Transaction))
    rows = read_columns(query.where(Transaction.id.in_(list(transaction_ids))))
    return {row.id: read(row) for row in rows}
