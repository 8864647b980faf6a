"""The summary panel: who, where, on what terms, and how the customer's approval stands."""

from __future__ import annotations

from datetime import date, datetime

from ....money import Money
from ....values import Value
from .action import Action, Link


class ContactView(Value):
    name: str
    title: str
    email: str
    phone: str


class InstalmentView(Value):
    """`due` in words ("on signing", "1 Feb 2027", "on delivery"); `status` of its payment order, if there is one."""

    amount: Money
    due: str
    collection: str
    status: str | None
    share: str | None = None


class ApprovalView(Value):
    """The last submission to the customer. `reason` is what they wrote when declining or asking for a change."""

    status: str
    sent_to: str
    sent_at: datetime | None
    viewed_at: datetime | None
    signed_at: datetime | None
    signer: str | None
    expires_at: datetime | None
    asks_payment: bool
    reason: str | None = None
    signed_pdf: str | None = None


class SummaryView(Value):
    """`terms` are one or two phrases ("24 months, billed monthly", "renews automatically"). While something is under
    way that changes by itself, the panel `refreshes`.
    """

    account: Link
    account_number: str
    hold: str | None
    contact: ContactView | None
    billing_address: tuple[str, ...]
    shipping_address: tuple[str, ...]
    payment_status: str
    payment_amount: Money | None
    invoice_status: str
    fulfillment_status: str
    sync_status: str
    start_date: date | None
    terms: tuple[str, ...]
    payment_terms: str
    opportunity: Link | None
    quote: Link | None
    plan: tuple[InstalmentView, ...]
    approval: ApprovalView | None
    as_of: datetime
    edit_details: Action | None = None
    edit_terms: Action | None = None
    refreshes: bool = False
