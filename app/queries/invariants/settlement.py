"""Rule 25 of payouts: what a processor paid out against its lines, and its lines against our transactions.

A difference that stands as an exception is known, and somebody's to deal with; here counts what nobody is told of.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from ...models import ExceptionKind, LineKind, SettlementBatch, SettlementException, SettlementLine, SettlementMatch
from ...models import Transaction as T
from ...states.settlement_exception import ExceptionStatus
from .asking import found

# A dispute's lines name the charge behind it, and may be of a part of that.
OWN_AMOUNT = (LineKind.CHARGE, LineKind.REFUND, LineKind.REFUND_FAILURE)


def batches_apart(grace: timedelta) -> list[str]:
    """Charges less fees, refunds and disputes, with reinstatements and adjustments, come to the batch's net."""
    lines = (
        select(SettlementLine.batch_id, func.sum(SettlementLine.gross - SettlementLine.fee).label("net"))
        .group_by(SettlementLine.batch_id)
        .subquery()
    )
    net: ColumnElement[int] = func.coalesce(lines.c.net, 0)
    rows = found(
        select(SettlementBatch.provider_id, SettlementBatch.net, net.label("lines"))
        .outerjoin(lines, lines.c.batch_id == SettlementBatch.id)
        .where(net != SettlementBatch.net, ~_held(SettlementBatch, ExceptionKind.SUM))
    )
    return [f"the lines of {r.provider_id} come to {r.lines}, {r.net} was paid out" for r in rows]


def foreign_lines(grace: timedelta) -> list[str]:
    """A line is in the currency, and of the gateway, of its batch."""
    rows = found(
        select(SettlementLine.provider_id, SettlementBatch.provider_id.label("batch"))
        .join(SettlementBatch, SettlementBatch.id == SettlementLine.batch_id)
        .where(
            or_(
                SettlementLine.currency != SettlementBatch.currency,
                SettlementLine.gateway_id != SettlementBatch.gateway_id,
            )
        )
    )
    return [f"{r.provider_id} is of another currency or gateway than its payout {r.batch}" for r in rows]


def doubled_entries(grace: timedelta) -> list[str]:
    rows = found(
        select(SettlementLine.provider_id)
        .group_by(SettlementLine.gateway_id, SettlementLine.provider_id)
        .having(func.count() > 1)
    )
    return [f"{r.provider_id} stands in more than one place" for r in rows]


def lines_apart(grace: timedelta) -> list[str]:
    """What a line settles is what its transaction says, in the customer's currency."""
    amount = func.coalesce(SettlementLine.presented, SettlementLine.gross)
    currency = func.coalesce(SettlementLine.presented_currency, SettlementLine.currency)
    rows = found(
        select(SettlementLine.provider_id, T.provider_id.label("own"))
        .join(SettlementMatch, SettlementMatch.line_id == SettlementLine.id)
        .join(T, T.id == SettlementMatch.transaction_id)
        .where(
            SettlementLine.kind.in_(OWN_AMOUNT),
            or_(func.abs(amount) != T.amount, currency != T.currency),
            ~_held(SettlementLine, ExceptionKind.DIFFERING),
        )
    )
    return [f"{r.provider_id} says another amount than {r.own}, and no exception tells" for r in rows]


def _held(model: Any, kind: ExceptionKind) -> ColumnElement[bool]:
    return (
        select(SettlementException.id)
        .where(
            and_(
                SettlementException.kind == kind,
                SettlementException.subject_kind == model.__tablename__,
                SettlementException.subject_id == model.id,
                SettlementException.status != ExceptionStatus.CLEARED,
            )
        )
        .exists()
    )
