"""The lines panel: what is sold, from when, how much of it has been delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ....money import Money
from .action import Action


@dataclass(frozen=True, slots=True)
class LineView:
    """`active_from` is the line's own date; `activated_on` says that it has happened. `locked`: something is packed."""

    id: int
    sku: str
    description: str
    frequency: str | None
    routing: str
    active_from: date | None
    activated_on: date | None
    quantity: Decimal
    packed: Decimal
    shipped: Decimal
    fulfilled: Decimal
    unit_price: Decimal
    discount_percent: Decimal
    tax_rate: Decimal
    amount: Money
    ships: bool
    locked: bool = False


@dataclass(frozen=True, slots=True)
class TaxView:
    rate: Decimal
    tax: Money


@dataclass(frozen=True, slots=True)
class RecurringView:
    """What recurs per period of one frequency, gross, beside the order's total."""

    frequency: str
    amount: Money


@dataclass(frozen=True, slots=True)
class LinesView:
    lines: tuple[LineView, ...]
    net: Money
    taxes: tuple[TaxView, ...]
    total: Money
    prices_include_tax: bool
    recurring: tuple[RecurringView, ...]
    over_term: Money | None
    edit: Action | None = None
