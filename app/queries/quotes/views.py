"""What the quote page shows, as plain frozen data."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from ...money import Money
from ...states.order import OrderStatus
from ...states.quote import QuoteStatus
from ...values import Value
from ..orders.views import Action, EntryView, InstalmentView, RecurringView, TaxView
from ..papers import Paper
from .readiness import Readiness


class QuoteLineView(Value):
    sku: str
    description: str
    frequency: str | None
    routing: str
    active_from: date | None
    quantity: Decimal
    unit_price: Decimal
    discount_percent: Decimal
    tax_rate: Decimal
    amount: Money


class LinesView(Value):
    lines: tuple[QuoteLineView, ...]
    net: Money
    taxes: tuple[TaxView, ...]
    total: Money
    prices_include_tax: bool
    recurring: tuple[RecurringView, ...]
    over_term: Money | None


class ApprovalEvidence(Value):
    """Who approved, when, and the SHA-256 of what was approved; `intact`: it is still that."""

    by: str
    at: datetime
    content_hash: str
    intact: bool


class VersionView(Value):
    version: int
    status: QuoteStatus
    created_at: datetime
    approved_at: datetime | None
    here: bool


class Party(Value):
    """Somebody or something the quote is for; `href` where it has a page."""

    text: str
    second: str = ""
    href: str | None = None


class QuoteFacts(Value):
    """The quote itself. `status` is as of today, `newer` a later version that is still being written."""

    id: int
    number: str
    version: int
    edition: int
    status: QuoteStatus
    currency: str
    expires_on: date
    start_date: date | None
    notes: str
    owner: str
    submitted_by_id: int | None
    order_number: str | None
    order_status: OrderStatus | None
    latest: int
    newer: int | None


class NextStep(Value):
    sentence: str
    detail: str | None
    icon: str
    tone: str
    primary: Action | None
    secondary: Action | None
    more: tuple[Action, ...]


class QuotePage(Value):
    facts: QuoteFacts
    account: Party
    hold_reason: str | None
    contact: Party | None
    opportunity: Party | None
    billing_address: tuple[str, ...]
    shipping_address: tuple[str, ...]
    terms: tuple[str, ...]
    payment_terms: str
    lines: LinesView
    plan: tuple[InstalmentView, ...]
    plan_adds_up: bool
    readiness: Readiness
    approval: ApprovalEvidence | None
    versions: tuple[VersionView, ...]
    timeline: tuple[EntryView, ...]
    next_step: NextStep
    can_open_routes: bool
    paper: Paper
