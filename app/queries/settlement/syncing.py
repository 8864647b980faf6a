"""How far each gateway's payouts are known, and whether somebody is at it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from ...db import read_columns
from ...models import Gateway, SettlementException, SettlementSync, StagedJob
from ...states.settlement_exception import ExceptionStatus
from ...values import Value


class Sync(Value):
    """`last_error` is of the last look; `running`: asked for, and not ended yet."""

    gateway: str
    name: str
    state: str
    last_at: datetime | None
    last_error: str | None
    batches: int
    lines: int
    open: int
    running: bool


def every() -> tuple[Sync, ...]:
    """By name; two statements."""
    under_way = select(StagedJob.args).where(
        StagedJob.kind == "settlement.sync", StagedJob.done_at.is_(None), StagedJob.failed_at.is_(None)
    )
    running = {row.args.get("gateway_id") for row in read_columns(under_way)}
    held = (
        select(func.count())
        .select_from(SettlementException)
        .where(SettlementException.gateway_id == Gateway.id, SettlementException.status == ExceptionStatus.OPEN)
        .correlate(Gateway)
        .scalar_subquery()
    )
    query = (
        select(
            Gateway.id,
            Gateway.key,
            Gateway.name,
            Gateway.state.label("state"),
            SettlementSync.last_at,
            SettlementSync.last_error,
            func.coalesce(SettlementSync.batches, 0).label("batches"),
            func.coalesce(SettlementSync.lines, 0).label("lines"),
            held.label("open"),
        )
        .outerjoin(SettlementSync, SettlementSync.gateway_id == Gateway.id)
        .order_by(Gateway.name, Gateway.id)
    )
    return tuple(
        Sync(r.key, r.name, r.state, r.last_at, r.last_error, r.batches, r.lines, r.open, r.id in running)
        for r in read_columns(query)
    )
