"""What a quote prints: one version of it, and what it is worth on that day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from ..models import CollectionMethod, Due
from ..money import Money, TaxTotal
from ..values import Value
from . import lines
from .lines import Line
from .views import Party, party


class Step(Value):
    """One step of the payment plan."""

    amount: Money
    percent: Decimal | None
    due: Due
    due_date: date | None
    collection: CollectionMethod


class Recurring(Value):
    """What the lines of one frequency come to each period, tax included."""

    frequency: str
    gross: Money


class QuotePaper(Value):
    """`status` is as of the day it was printed; only `approved` is an offer. `term_value` is what the whole term comes
    to, none where it has no end."""

    number: str
    version: int
    status: str
    order: str
    prepared_by: str
    email: str
    seller: Party
    customer: Party
    deliver_to: tuple[str, ...]
    contact: tuple[str, ...]
    written_on: date
    expires_on: date
    start_date: date | None
    term_months: int | None
    renewal: str
    payment_terms_days: int
    currency: str
    prices_include_tax: bool
    lines: tuple[Line, ...]
    net: Money
    tax_by_rate: tuple[TaxTotal, ...]
    gross: Money
    recurring: tuple[Recurring, ...]
    term_value: Money | None
    plan: tuple[Step, ...]
    tax_status: str


def quote(content: dict[str, Any]) -> QuotePaper:
    data, currency = dict(content), content["currency"]
    for name in ("written_on", "expires_on"):
        data[name] = date.fromisoformat(data[name])
    data["start_date"] = _day(data["start_date"])
    for name in ("net", "gross"):
        data[name] = Money(data[name], currency)
    data["term_value"] = None if data["term_value"] is None else Money(data["term_value"], currency)
    data["seller"], data["customer"] = party(data["seller"]), party(data["customer"])
    data["deliver_to"], data["contact"] = tuple(data["deliver_to"]), tuple(data["contact"])
    data["lines"] = tuple(lines.read(x, currency) for x in data["lines"])
    data["tax_by_rate"] = lines.read_taxes(data["tax_by_rate"], currency)
    data["recurring"] = tuple(Recurring(x["frequency"], Money(x["gross"], currency)) for x in data["recurring"])
    data["plan"] = tuple(_step(x, currency) for x in data["plan"])
    return QuotePaper(**data)


def _step(data: dict[str, Any], currency: str) -> Step:
    return Step(
        amount=Money(data["amount"], currency),
        percent=Decimal(data["percent"]) if data["percent"] is not None else None,
        due=Due(data["due"]),
        due_date=_day(data["due_date"]),
        collection=CollectionMethod(data["collection"]),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
