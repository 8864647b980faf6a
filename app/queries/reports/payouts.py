"""What was paid out, by month and gateway."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from ...db import read_columns
from ...models import Gateway, SettlementBatch, SettlementLine
from ...money import Money
from ...values import Value
from ..months import Month
from ..settlement.batches import SUMS, Sums
from .asked import Asked


class PayoutRow(Value):
    month: Month
    gateway_key: str
    gateway: str
    batches: int
    sums: Sums


def view(asked: Asked) -> tuple[PayoutRow, ...]:
    """Latest month first; two statements. A payout belongs to the month in which the processor made it."""
    nets, kinds = list(read_columns(_nets(asked))), list(read_columns(_kinds(asked)))
    merged: dict[tuple[Month, str], dict[str, Any]] = {}
    for r in nets:
        cell = merged.setdefault((Month.of(r.created_on), r.key), {"name": r.name, "batches": 0, "net": 0})
        cell["batches"], cell["net"] = cell["batches"] + r.batches, cell["net"] + int(r.net)
    for r in kinds:
        cell = merged[Month.of(r.created_on), r.key]
        name = next(name for name, members in SUMS.items() if r.kind in members)
        cell[name] = cell.get(name, 0) + int(r.gross)
        cell["fees"], cell["lines"] = cell.get("fees", 0) + int(r.fee), cell.get("lines", 0) + r.lines
    ordered = sorted(merged.items(), key=lambda x: (x[0][0], x[1]["net"]), reverse=True)
    return tuple(_row(month, key, cell, asked.currency) for (month, key), cell in ordered)


def _row(month: Month, key: str, cell: dict[str, Any], currency: str) -> PayoutRow:
    money = {name: Money(cell.get(name, 0), currency) for name in (*SUMS, "fees", "net")}
    return PayoutRow(month, key, cell["name"], cell["batches"], Sums(**money, lines=cell.get("lines", 0)))


def _nets(asked: Asked) -> Any:
    columns = (func.count().label("batches"), func.sum(SettlementBatch.net).label("net"))
    query = select(SettlementBatch.created_on, Gateway.key, Gateway.name, *columns)
    return _within(asked, query).group_by(SettlementBatch.created_on, Gateway.key, Gateway.name)


def _kinds(asked: Asked) -> Any:
    query = select(
        SettlementBatch.created_on,
        Gateway.key,
        SettlementLine.kind,
        func.count().label("lines"),
        func.sum(SettlementLine.gross).label("gross"),
        func.sum(SettlementLine.fee).label("fee"),
    ).join(SettlementLine, SettlementLine.batch_id == SettlementBatch.id)
    return _within(asked, query).group_by(SettlementBatch.created_on, Gateway.key, SettlementLine.kind)


def _within(asked: Asked, query: Any) -> Any:
    day, span = SettlementBatch.created_on, asked.span
    query = query.join(Gateway, Gateway.id == SettlementBatch.gateway_id).where(
        SettlementBatch.currency == asked.currency, day >= span.first.first, day < span.last.plus(1).first
    )
    return query.where(Gateway.key == asked.gateway) if asked.gateway else query
