"""What a final invoice deducts, as it keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from ..money import Money, TaxTotal
from ..values import Value


class Deduction(Value):
    """One tax rate of a deposit invoice, or of a credit note on one, which is below zero."""

    number: str
    on: date
    credit: bool
    tax: TaxTotal

    @property
    def kept(self) -> dict[str, Any]:
        facts = {"number": self.number, "on": self.on.isoformat(), "credit": self.credit}
        return facts | {"rate": str(self.tax.rate), "base": self.tax.base.minor, "tax": self.tax.tax.minor}


def read(kept: Iterable[dict[str, Any]], currency: str) -> tuple[Deduction, ...]:
    return tuple(
        Deduction(
            x["number"],
            date.fromisoformat(x["on"]),
            x["credit"],
            TaxTotal(Decimal(x["rate"]), Money(x["base"], currency), Money(x["tax"], currency)),
        )
        for x in kept
    )
