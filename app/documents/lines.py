"""The priced lines of a paper: to its frozen content, and back from there."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from ..money import Money, TaxTotal
from ..values import Value

# As the columns keep them, so that a line just written and the same line read make one paper.
PLACES = {
    "quantity": Decimal("0.001"),
    "unit_price": Decimal("0.0001"),
    "discount_percent": Decimal("0.001"),
    "tax_rate": Decimal("0.001"),
}


class Line(Value):
    """`frequency` and `activation_date` where the paper tells of what recurs."""

    sku: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    discount_percent: Decimal
    tax_rate: Decimal
    amount: Money
    frequency: str | None = None
    activation_date: date | None = None


def content(line: Any, amount: int) -> dict[str, Any]:
    """`amount` in minor units."""
    exact = {name: str(getattr(line, name).quantize(places)) for name, places in PLACES.items()}
    return exact | {"sku": line.sku, "description": line.description, "amount": amount}


def read(data: dict[str, Any], currency: str) -> Line:
    exact = {name: Decimal(data[name]) for name in PLACES}
    starts = data.get("activation_date")
    dated = {"activation_date": date.fromisoformat(starts)} if starts else {}
    return Line(**data | exact | dated | {"amount": Money(data["amount"], currency)})


def read_taxes(data: list[dict[str, Any]], currency: str) -> tuple[TaxTotal, ...]:
    return tuple(TaxTotal(Decimal(x["rate"]), Money(x["base"], currency), Money(x["tax"], currency)) for x in data)
