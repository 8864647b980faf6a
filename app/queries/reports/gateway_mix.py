"""Which gateways took how much, month by month, and how often each declined."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from ...db import read_columns
from ...models import Attempt, Gateway, Transaction, TransactionAction
from ...money import Money
from ...states.attempt import AttemptStatus
from ...values import Value
from ..months import Month
from .asked import Asked

CAPTURED = (TransactionAction.CAPTURE, TransactionAction.CHARGE)


class MixRow(Value):
    """`share` of the month's volume, in percent; `declines` of all tries that came to an end, successes beside them."""

    month: Month
    gateway: str
    payments: int
    volume: Money
    share: Decimal
    declines: int
    tries: int

    @property
    def decline_rate(self) -> Decimal:
        return percent(self.declines, self.tries)


@dataclass(slots=True)
class _Cell:
    payments: int = 0
    volume: int = 0
    ends: dict[AttemptStatus, int] = field(default_factory=dict)


def percent(part: int, whole: int) -> Decimal:
    """To one decimal; nothing of nothing is nothing."""
    return (Decimal(part) * 100 / whole).quantize(Decimal("0.1")) if whole else Decimal(0)


def view(asked: Asked) -> tuple[MixRow, ...]:
    """Latest month first, largest volume first; two statements."""
    cells: dict[tuple[int, str], _Cell] = {}
    for row in read_columns(_captured(asked)):
        cell = cells.setdefault((row.month, row.name), _Cell())
        cell.payments, cell.volume = row.payments, int(row.volume)
    for row in read_columns(_tried(asked)):
        cells.setdefault((row.month, row.name), _Cell()).ends |= {row.status: row.tries}
    months = asked.span.months
    whole = {n: sum(c.volume for (m, _), c in cells.items() if m == n) for n in range(len(months))}
    ordered = sorted(cells.items(), key=lambda x: (-x[0][0], -x[1].volume, x[0][1]))
    return tuple(
        MixRow(
            month=months[n],
            gateway=name,
            payments=cell.payments,
            volume=Money(cell.volume, asked.currency),
            share=percent(cell.volume, whole[n]),
            declines=cell.ends.get(AttemptStatus.DECLINED, 0),
            tries=sum(cell.ends.values()),
        )
        for (n, name), cell in ordered
    )


def _captured(asked: Asked) -> Any:
    month = asked.span.month_of(Transaction.at).label("month")  # type: ignore[arg-type]
    query = (
        select(month, Gateway.name, func.count().label("payments"), func.sum(Transaction.amount).label("volume"))
        .join(Gateway, Gateway.id == Transaction.gateway_id)
        .where(
            Transaction.action.in_(CAPTURED),
            Transaction.currency == asked.currency,
            asked.span.holds(Transaction.at),  # type: ignore[arg-type]
        )
    )
    return _of_gateway(asked, query).group_by("month", Gateway.name)


def _tried(asked: Asked) -> Any:
    month = asked.span.month_of(Attempt.created_at).label("month")  # type: ignore[arg-type]
    query = (
        select(month, Gateway.name, Attempt.status, func.count().label("tries"))
        .join(Gateway, Gateway.id == Attempt.gateway_id)
        .where(
            Attempt.status.in_((AttemptStatus.SUCCEEDED, AttemptStatus.DECLINED)),
            Attempt.currency == asked.currency,
            asked.span.holds(Attempt.created_at),  # type: ignore[arg-type]
        )
    )
    return _of_gateway(asked, query).group_by("month", Gateway.name, Attempt.status)


def _of_gateway(asked: Asked, query: Any) -> Any:
    return query.where(Gateway.key == asked.gateway) if asked.gateway else query
