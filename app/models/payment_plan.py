"""The arithmetic of payment plans: what each instalment comes to, and whether all of them make the total."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from ..money import Money, total


class Step(Protocol):
    """Percent of the total, or minor units of its currency; exactly one of the two."""

    @property
    def percent(self) -> Decimal | None: ...

    @property
    def amount(self) -> int | None: ...


def amounts(steps: Sequence[Step], whole: Money) -> list[Money] | None:
    """What each step comes to, the last taking what rounding left; None where the plan does not make `whole`."""
    fixed = Money(sum(s.amount or 0 for s in steps), whole.currency)
    rate = sum((s.percent or Decimal(0) for s in steps), Decimal(0))
    if not steps or whole.percent(rate) + fixed != whole:
        return None
    first = [_one(s, whole) for s in steps[:-1]]
    return [*first, whole - total(first, whole.currency)]


def planned(steps: Sequence[Step], whole: Money) -> Money:
    """The sum the plan asks for, whether or not it makes `whole`."""
    return total((_one(s, whole) for s in steps), whole.currency)


def transfer_purpose(order_number: str, place: int) -> str:
    """What the payment order of a bank transfer due at signature is for, `place` being its step's in the plan, from 1;
    also how it is told from those that people made by hand."""
    return f"Instalment {place} of order {order_number}, by bank transfer"


def _one(step: Step, whole: Money) -> Money:
    return Money(step.amount, whole.currency) if step.amount is not None else whole.percent(step.percent or Decimal(0))
