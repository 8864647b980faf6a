"""The order as its customer sees and signs it, read back from a snapshot's canonical JSON.

Page, signature, mail and PDF all show these very figures (invariant 2). Amounts in the JSON are minor units of the
order's currency; quantities, prices and rates are decimal strings, so that no float ever gets near money.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ..canonical import sha256
from ..money import Money, total
from ..values import Value
from .catalog import Frequency
from .quote import CollectionMethod, Due, Renewal

# Format 1 knew no notes and files: of a submission from that time none is bound.
FORMAT = 2
KNOWN = (1, FORMAT)


class Seller(Value):
    name: str
    address: tuple[str, ...]
    tax_id: str
    email: str
    phone: str
    logo: str = ""


class Customer(Value):
    number: str
    name: str
    tax_id: str
    tax_status: str
    billing_address: tuple[str, ...]
    shipping_address: tuple[str, ...]


class Person(Value):
    name: str
    title: str
    email: str


class Line(Value):
    """`amount` is what the line comes to, net (gross where prices include tax)."""

    position: int
    sku: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    discount_percent: Decimal
    tax_rate: Decimal
    frequency: Frequency | None
    activation_date: date | None
    amount: Money


class Tax(Value):
    rate: Decimal
    base: Money
    tax: Money


class Recurring(Value):
    """What the lines of one frequency come to each period, tax included, and the day the first period starts."""

    frequency: Frequency
    gross: Money
    starts_on: date | None


class Instalment(Value):
    amount: Money
    percent: Decimal | None
    due: Due
    due_date: date | None
    collection: CollectionMethod


class Conditions(Value):
    """The terms and conditions that are accepted with the order."""

    version: int
    body: str


class SharedNote(Value):
    id: int
    author: str
    written_at: datetime
    body: str


class SharedFile(Value):
    """`sha256` is that of its bytes: with it the file itself is bound, not just its name."""

    id: int
    filename: str
    size: int
    sha256: str


class Shared(Value):
    """Notes and files that are marked for the customer, oldest first."""

    notes: tuple[SharedNote, ...] = ()
    files: tuple[SharedFile, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.notes or self.files)

    def beyond(self, other: Shared) -> Shared:
        """What is here and not in `other`."""
        notes, files = {n.id for n in other.notes}, {f.id for f in other.files}
        return Shared(
            notes=tuple(n for n in self.notes if n.id not in notes),
            files=tuple(f for f in self.files if f.id not in files),
        )


class FrozenOrder(Value):
    """`total` is one-time lines plus the first period of recurring ones; `term_value` what the whole term comes to
    (None where it has no end). `due_now` is asked at signature by card, `by_transfer` beside it, `later` afterwards.
    `shared` is what stood there for the customer at that moment; whatever is marked for them later is shown apart, and
    not signed."""

    number: str
    edition: int
    sha256: str
    currency: str
    prices_include_tax: bool
    quote_number: str | None
    quote_version: int | None
    prepared_by: Person
    seller: Seller
    customer: Customer
    contact: Person
    lines: tuple[Line, ...]
    net: Money
    tax: Money
    total: Money
    tax_by_rate: tuple[Tax, ...]
    recurring: tuple[Recurring, ...]
    term_value: Money | None
    start_date: date | None
    term_months: int | None
    billing_frequency: Frequency | None
    renewal: Renewal
    payment_terms_days: int
    due_now: Money
    plan: tuple[Instalment, ...]
    conditions: Conditions | None
    shared: Shared

    @property
    def by_transfer(self) -> tuple[Instalment, ...]:
        """Due at signature by bank transfer. None of them in snapshots from when `due_now` had them in its sum."""
        steps = [step for step in self.plan if step.due is Due.SIGNATURE]
        if total((step.amount for step in steps), self.currency) == self.due_now:
            return ()
        return tuple(step for step in steps if step.collection is CollectionMethod.OFFLINE)

    @property
    def later(self) -> tuple[Instalment, ...]:
        return tuple(step for step in self.plan if step.due is not Due.SIGNATURE)

    @property
    def tax_is_zero_because(self) -> str:
        """Why no tax is charged: `exempt`, `reverse_charge`, or nothing to explain."""
        return self.customer.tax_status if self.customer.tax_status != "standard" else ""


@lru_cache(maxsize=64)
def read(content: str) -> FrozenOrder:
    """The snapshot's content as a view. Cached: a snapshot never changes, and its page is opened more than once."""
    data = json.loads(content)
    if data["format"] not in KNOWN:
        raise ValueError(f"snapshot format {data['format']} is not known")
    order, totals, terms = data["order"], data["totals"], data["terms"]
    currency = order["currency"]
    return FrozenOrder(
        number=order["number"],
        edition=order["edition"],
        sha256=sha256(content),
        currency=currency,
        prices_include_tax=order["prices_include_tax"],
        quote_number=order["quote_number"],
        quote_version=order["quote_version"],
        prepared_by=Person(**data["prepared_by"]),
        seller=Seller(**data["seller"] | {"address": tuple(data["seller"]["address"])}),
        customer=_customer(data["customer"]),
        contact=Person(**data["contact"]),
        lines=tuple(_line(x, currency) for x in data["lines"]),
        net=Money(totals["net"], currency),
        tax=Money(totals["tax"], currency),
        total=Money(totals["gross"], currency),
        tax_by_rate=tuple(_tax(x, currency) for x in totals["by_rate"]),
        recurring=tuple(_recurring(x, currency) for x in totals["recurring"]),
        term_value=_money(totals["term_value"], currency),
        start_date=_date(terms["start_date"]),
        term_months=terms["term_months"],
        billing_frequency=_frequency(terms["billing_frequency"]),
        renewal=Renewal(terms["renewal"]),
        payment_terms_days=terms["payment_terms_days"],
        due_now=Money(data["payment"]["due_now"], currency),
        plan=tuple(_instalment(x, currency) for x in data["payment"]["plan"]),
        conditions=Conditions(**data["conditions"]) if data["conditions"] else None,
        shared=_shared(data.get("shared")),
    )


def _customer(data: dict[str, Any]) -> Customer:
    addresses = {name: tuple(data[name]) for name in ("billing_address", "shipping_address")}
    return Customer(**data | addresses)


def _line(data: dict[str, Any], currency: str) -> Line:
    exact = {n: Decimal(data[n]) for n in ("quantity", "unit_price", "discount_percent", "tax_rate")}
    return Line(
        **data
        | exact
        | {
            "frequency": _frequency(data["frequency"]),
            "activation_date": _date(data["activation_date"]),
            "amount": Money(data["amount"], currency),
        }
    )


def _shared(data: dict[str, Any] | None) -> Shared:
    if data is None:
        return Shared()
    return Shared(
        notes=tuple(SharedNote(**n | {"written_at": datetime.fromisoformat(n["written_at"])}) for n in data["notes"]),
        files=tuple(SharedFile(**f) for f in data["files"]),
    )


def _tax(data: dict[str, Any], currency: str) -> Tax:
    return Tax(Decimal(data["rate"]), Money(data["base"], currency), Money(data["tax"], currency))


def _recurring(data: dict[str, Any], currency: str) -> Recurring:
    return Recurring(Frequency(data["frequency"]), Money(data["gross"], currency), _date(data["starts_on"]))


def _instalment(data: dict[str, Any], currency: str) -> Instalment:
    return Instalment(
        amount=Money(data["amount"], currency),
        percent=None if data["percent"] is None else Decimal(data["percent"]),
        due=Due(data["due"]),
        due_date=_date(data["due_date"]),
        collection=CollectionMethod(data["collection"]),
    )


def _money(minor: int | None, currency: str) -> Money | None:
    return None if minor is None else Money(minor, currency)


def _date(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _frequency(value: str | None) -> Frequency | None:
    return Frequency(value) if value else None
