"""The recurring plan: the payment agreements of the order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ....money import Money
from ...agreements.acts import Act
from ...agreements.verdict import Check


@dataclass(frozen=True, slots=True)
class PlanView:
    """One agreement: `note` says why it is not live."""

    number: str
    url: str
    status: str
    note: str
    checks: tuple[Check, ...]
    often: str
    collected: str
    next_on: date | None
    amount: Money | None
    cancels_on: date | None
    paused_until: date | None
    acts: tuple[Act, ...]


@dataclass(frozen=True, slots=True)
class RecurringPlanView:
    """`expected`: the order has recurring lines."""

    expected: bool
    plans: tuple[PlanView, ...]
