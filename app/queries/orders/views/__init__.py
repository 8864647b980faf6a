"""What the order page shows, as plain frozen data: templates know these, never rows or entities.

Statuses are the values of the enums in states/ (or of derived statuses) and are worded by badges.py. `href` is a
path of ours. An empty tuple or None is a fact too: every panel says what belongs there and how it comes about.
"""

from __future__ import annotations

from ....values import Value
from .action import Action, Link
from .agreements import PlanView, RecurringPlanView
from .delivery import FulfillmentView, RouteView, ShippingView, SubscriptionView
from .documents import DocumentTab, PdfView
from .head import NextStep, OrderHead, OrderRef
from .lines import LinesView, LineView, RecurringView, TaxView
from .payment import (
    AttemptView,
    DeclineView,
    FiguresView,
    InvoiceView,
    LinkView,
    MailView,
    OfflineView,
    PaymentOrderView,
    PaymentView,
    ReceiptView,
    TransactionView,
)
from .summary import ApprovalView, ContactView, InstalmentView, SummaryView
from .timeline import EntryView, KeyDate, LinkCheck, MethodView, PersonView, RailView, TimelineView

__all__ = [
    "Action",
    "ApprovalView",
    "AttemptView",
    "ContactView",
    "DeclineView",
    "DocumentTab",
    "EntryView",
    "FiguresView",
    "FulfillmentView",
    "InstalmentView",
    "InvoiceView",
    "KeyDate",
    "LineView",
    "LinesView",
    "Link",
    "LinkCheck",
    "LinkView",
    "MailView",
    "MethodView",
    "NextStep",
    "OrderHead",
    "OrderPage",
    "OrderRef",
    "PaymentOrderView",
    "PaymentView",
    "PdfView",
    "PersonView",
    "PlanView",
    "RailView",
    "OfflineView",
    "ReceiptView",
    "RecurringPlanView",
    "RecurringView",
    "RouteView",
    "ShippingView",
    "SubscriptionView",
    "SummaryView",
    "TaxView",
    "TimelineView",
    "TransactionView",
]


class OrderPage(Value):
    """Everything at once; each panel's template needs `order` (the head) and the view of its own name."""

    order: OrderHead
    next_step: NextStep
    summary: SummaryView
    lines: LinesView
    payment: PaymentView
    recurring: RecurringPlanView
    shipping: ShippingView
    pdf: PdfView
    fulfillment: FulfillmentView
    timeline: TimelineView
    rail: RailView
