"""The lines panel: what is sold, from when, how much of it has been delivered."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ....money import Money
from ....values import Value
from .action import Action


class LineView(Value):
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


class TaxView(Value):
    rate: Decimal
    tax: Money


class RecurringView(Value):
    """What recurs per period of one frequency, gross, beside the order's total."""

    frequency: str
    amount: Money


class LinesView(Value):
    lines: tuple[LineView, ...]
    net: Money
    taxes: tuple[TaxView, ...]
    total: Money
    prices_include_tax: bool
    recurring: tuple[RecurringView, ...]
    over_term: Money | None
    edit: Action | None = None
