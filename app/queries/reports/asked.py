"""What every report is asked for: which months, which currency, perhaps one gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from babel.dates import format_skeleton
from flask import url_for
from sqlalchemy import select

from ...db import read_columns
from ...language import locale
from ...models import Gateway, SettlementBatch, Transaction
from ...money import CURRENCIES
from ...navigation import company
from ...values import Value
from ..months import Month, Span, this

MONTHS = 6
MOST_MONTHS = 24


class Asked(Value):
    """`gateway` is a key, or empty for all of them."""

    span: Span
    currency: str
    gateway: str

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Asked:
        """The last half year in the company's currency, where the address does not say another thing; unknown values
        ask for nothing, and nobody gets more than two years at once."""
        house = company()
        last = Month.read(args.get("to", "")) or this(house.time_zone)
        first = Month.read(args.get("from", "")) or last.plus(1 - MONTHS)
        first = max(min(first, last), last.plus(1 - MOST_MONTHS))
        currency = args.get("currency", "").upper()
        return cls(
            Span(first, last, house.time_zone),
            currency if currency in CURRENCIES else house.currency,
            args.get("gateway", "")[:40],
        )

    def url(self, endpoint: str, **changes: Any) -> str:
        values = {"from": str(self.span.first), "to": str(self.span.last), "currency": self.currency}
        return url_for(endpoint, **(values | {"gateway": self.gateway or None} | changes))


def currencies(asked: Asked) -> list[str]:
    """All that money was ever taken or paid out in, and the one that is asked for."""
    query = select(Transaction.currency).union(select(SettlementBatch.currency))
    return sorted({asked.currency, *(row[0] for row in read_columns(query))})


def gateways() -> list[tuple[str, str]]:
    return [(r.key, r.name) for r in read_columns(select(Gateway.key, Gateway.name).order_by(Gateway.name))]


def month_name(month: Month) -> str:
    """`Nov 2026`."""
    return str(format_skeleton("yMMM", month.first, locale=locale()))


def short_name(month: Month) -> str:
    """`Nov`, and `Jan 27` where a year begins."""
    skeleton = "yyMMM" if month.number == 1 else "MMM"
    return str(format_skeleton(skeleton, month.first, locale=locale()))
