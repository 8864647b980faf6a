"""The payment panel: what was asked for, what was tried, what is proven."""

from __future__ import annotations

from datetime import date, datetime

from ....money import Money
from ....values import Value
from ...settlement.standing import Standing
from ..unapplied import Unapplied
from .action import Action


class FiguresView(Value):
    requested: Money
    authorized: Money
    captured: Money
    refunded: Money
    disputed: Money
    balance: Money


class DeclineView(Value):
    """The decline coach: what the bank said in our words, whether a retry can work, and the way out.

    `retry` says whether and when the same card may be tried again; `suggested` which card on file is ready instead,
    `charge` charges it; `mail` is the drafted mail in which the customer enters another card.
    """

    title: str
    advice: str
    at: datetime
    attempt: int
    action: Action | None = None
    retry: str | None = None
    suggested: str | None = None
    charge: Action | None = None
    mail: Action | None = None


class LinkView(Value):
    """A payment link's intent; `tries_left` of the attempt limit."""

    status: str
    expires_at: datetime
    viewed_at: datetime | None
    tries_left: int


class MailView(Value):
    """The last mail about something: to whom, and how it fared."""

    status: str
    to: str
    at: datetime
    error: str | None = None


class AttemptView(Value):
    status: str
    card: str
    amount: Money
    at: datetime
    by: str
    gateway: str
    reason: str | None = None
    reference: str | None = None


class PaymentOrderView(Value):
    number: str
    href: str | None
    purpose: str
    first: bool
    status: str
    amount: Money
    balance: Money
    due_date: date | None
    collection: str
    link: LinkView | None
    mail: MailView | None
    attempts: tuple[AttemptView, ...]
    actions: tuple[Action, ...] = ()


class TransactionView(Value):
    """`action` in words ("Charge", "Capture"); `provider_id` is the gateway's own name for it."""

    action: str
    amount: Money
    at: datetime
    gateway: str
    provider_id: str
    payment_order: str
    reference: str = ""
    settled: Standing | None = None
    trace: str = ""


class ReceiptView(Value):
    number: str
    amount: Money
    at: datetime
    paid_with: str
    pdf: str | None


class OfflineView(Value):
    """Money that came by cheque, wire or cash, or that left it again: then below zero. `came_for` names the payment
    order, or the invoice that it pays."""

    number: str
    amount: Money
    on: date
    paid_with: str
    came_for: str
    href: str
    pdf: str | None


class InvoiceView(Value):
    number: str | None
    status: str
    amount: Money
    balance: Money
    issued_on: date | None
    due_date: date | None
    href: str | None
    pdf: str | None
    send: str | None


class PaymentView(Value):
    """`waiting` says what is going on while a customer is on the checkout or an outcome is pending; the panel then
    refreshes itself."""

    status: str
    figures: FiguresView
    waiting: str | None
    decline: DeclineView | None
    payment_orders: tuple[PaymentOrderView, ...]
    transactions: tuple[TransactionView, ...]
    receipts: tuple[ReceiptView, ...]
    offline: tuple[OfflineView, ...]
    on_invoices: Money
    invoices: tuple[InvoiceView, ...]
    unapplied: Unapplied | None
    trouble: str | None = None
    actions: tuple[Action, ...] = ()
