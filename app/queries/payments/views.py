"""What the pages of a payment order show, as plain frozen data. Statuses are worded by badges.py."""

from __future__ import annotations

from datetime import date, datetime

from ...money import Money
from ...values import Value
from ..orders.views import (
    Action,
    DeclineView,
    EntryView,
    FiguresView,
    Link,
    MailView,
    NextStep,
    ReceiptView,
    TransactionView,
)
from ..papers import Paper
from .reversals import DisputeLine, MovementView


class LineView(Value):
    description: str
    amount: Money


class CheckoutView(Value):
    """One checkout there was: a mailed link, an approval's payment step, or one that staff opened to collect.

    `generation` counts its addresses; `mails` how often it was mailed. `actions` are there while it is live."""

    status: str
    purpose: str
    amount: Money
    opened_at: datetime
    expires_at: datetime
    viewed_at: datetime | None
    tries_left: int
    tries: int
    generation: int
    mails: int
    actions: tuple[Action, ...]


class TryView(Value):
    """One attempt. `reason` and `remedy` are staff's words; `ask` is there while its end is not known."""

    id: int
    status: str
    card: str
    amount: Money
    at: datetime
    by: str
    gateway: str
    reason: str | None
    remedy: str | None
    code: str | None
    next_question: str | None
    ask: Action | None = None


class SentView(Value):
    """One mail to the customer: what it was, to whom, and how it fared."""

    name: str
    mail: MailView
    asked_by: str


class PaymentOrderPage(Value):
    """Of an order, or of a `period` of an `agreement`, with an `order` only where one made it. `waiting` is said while
    an outcome is open, and makes the page refresh itself."""

    number: str
    url: str
    status: str
    account: Link
    order: Link | None
    quote: Link | None
    agreement: Link | None
    period: str
    invoice: Link | None
    purpose: str
    first: bool
    amount: Money
    balance: Money
    figures: FiguresView
    due_date: date | None
    overdue: bool
    collection: str
    route: str | None
    descriptor: str | None
    contact: str | None
    creator: str
    created_at: datetime
    lines: tuple[LineView, ...]
    next_step: NextStep
    decline: DeclineView | None
    trouble: str | None
    waiting: str | None
    checkouts: tuple[CheckoutView, ...]
    attempts: tuple[TryView, ...]
    transactions: tuple[TransactionView, ...]
    receipts: tuple[ReceiptView, ...]
    mails: tuple[SentView, ...]
    movements: tuple[MovementView, ...]
    disputes: tuple[DisputeLine, ...]
    held_until: datetime | None
    history: tuple[EntryView, ...]
    paper: Paper
