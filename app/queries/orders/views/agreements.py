"""The recurring plan: the payment agreements of the order."""

from __future__ import annotations

from datetime import date

from ....money import Money
from ....values import Value
from ...agreements.acts import Act
from ...agreements.verdict import Check


class PlanView(Value):
    """One agreement: `note` says why it is not live; `ends_on` is the end of a term that somebody is to renew soon."""

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
    ends_on: date | None
    paused_until: date | None
    acts: tuple[Act, ...]


class RecurringPlanView(Value):
    """`expected`: the order has recurring lines."""

    expected: bool
    plans: tuple[PlanView, ...]
