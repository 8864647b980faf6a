"""What the agreement's page shows, as plain frozen data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ...money import Money
from ...values import Value
from .acts import Act
from .verdict import Check


class PeriodView(Value):
    """`words` says what keeps it from being paid; `acts` what may be done about that."""

    period: int
    status: str
    due_on: date
    covers_from: date
    covers_to: date
    amount: Money
    payment_order: str | None
    payment_order_url: str | None
    invoice: str | None
    invoice_url: str | None
    words: str
    acts: tuple[Act, ...]


class LineView(Value):
    id: int
    description: str
    quantity: Decimal
    unit_price: Decimal
    tax_rate: Decimal
    amount: Money


class EntryView(Value):
    icon: str
    tone: str
    who: str
    what: str
    because: str | None
    at: datetime


class AgreementPage(Value):
    id: int
    number: str
    url: str
    status: str
    live: bool
    note: str
    checks: tuple[Check, ...]
    account: str
    account_number: str
    order: str | None
    contact: str | None
    often: str
    amount: Money
    net: Money
    tax: Money
    collection: str
    collected: str
    method_id: int | None
    next_on: date | None
    next_amount: Money | None
    first_on: date
    today: date
    ends_on: date | None
    cancels_on: date | None
    trial_ends_on: date | None
    paused_until: date | None
    missed: str | None
    renewal: str
    term_months: int | None
    proration: str
    zone: str
    consent_text: str
    consent_by: str
    consent_how: str
    consent_at: datetime
    consent_version: int | None
    version: int
    versions: Sequence[Any]
    coming: tuple[PeriodView, ...]
    past: tuple[PeriodView, ...]
    earlier: str | None
    lines: tuple[LineView, ...]
    subscriptions: Sequence[Any]
    history: tuple[EntryView, ...]
    ends_soon: bool
    acts: tuple[Act, ...]
