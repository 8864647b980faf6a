"""The head of the order page and its summary panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import Row

from ...formatting import percent
from ...models import Due
from ...models.payment_plan import transfer_purpose
from ...states.approval import ApprovalStatus
from ...states.order import BEFORE_BOOKING, OrderStatus
from ...states.payment_order import PaymentStatus
from . import documents, fulfillment
from .next_best_action import ApprovalStage
from .parties import account_link, address, quote_link
from .plan import collection_words, due_words, payment_terms, terms
from .views import ApprovalView, ContactView, InstalmentView, Link, OrderHead, OrderRef, SummaryView

if TYPE_CHECKING:
    from ...money import Money
    from .facts import Facts, PlanStep

CHANGEABLE = frozenset(OrderStatus) - {OrderStatus.CANCELLED, OrderStatus.COMPLETED}


def ref(facts: Facts) -> OrderRef:
    return OrderRef(facts.row.number, url_for("orders.show", number=facts.row.number))


def head(facts: Facts) -> OrderHead:
    row = facts.row
    due = facts.rest_at_signature if row.status in BEFORE_BOOKING else facts.money(facts.figures.balance)
    return OrderHead(
        number=row.number,
        url=url_for("orders.show", number=row.number),
        status=row.status,
        account=account_link(row),
        quote=quote_link(row),
        owner=row.owner_name,
        start_date=row.start_date,
        total=facts.totals.gross,
        due_now=due or None,
        due_now_words=_("due on signing") if row.status in BEFORE_BOOKING else _("requested and not paid yet"),
        tags=tuple(row.tags),
        edition=row.edition,
        gap=_gap(facts),
        gap_action=facts.actions.find("link_context"),
    )


def _gap(facts: Facts) -> str | None:
    if not facts.missing_links or facts.row.status is OrderStatus.CANCELLED:
        return None
    if len(facts.missing_links) == 2:
        return _("No quote and no opportunity are linked to this order.")
    missing = {
        "quote": _("No quote is linked to this order."),
        "opportunity": _("No opportunity is linked to this order."),
    }
    return missing[facts.missing_links[0]]


def view(facts: Facts) -> SummaryView:
    row = facts.row
    return SummaryView(
        account=account_link(row),
        account_number=row.account_number,
        hold=row.hold_reason,
        contact=_contact(row),
        billing_address=address(row, "billing"),
        shipping_address=address(row, "shipping"),
        payment_status=facts.payment_status,
        payment_amount=_payment_amount(facts),
        invoice_status=facts.invoices[-1].status if facts.invoices else "none",
        fulfillment_status=fulfillment.status(facts),
        sync_status=fulfillment.SYNC,
        start_date=row.start_date,
        terms=terms(row),
        payment_terms=payment_terms(row.payment_terms_days),
        opportunity=Link(row.opportunity_name) if row.opportunity_name else None,
        quote=quote_link(row),
        plan=tuple(_instalment(facts, n, step) for n, step in enumerate(facts.plan)),
        approval=_approval(facts),
        as_of=facts.now,
        edit_details=facts.actions.editing("edit_details", statuses=CHANGEABLE),
        edit_terms=None if facts.confirming else facts.actions.editing("edit_terms"),
        refreshes=facts.waiting is not None or facts.approval_stage is ApprovalStage.PREPARING,
    )


def _contact(row: Row[Any]) -> ContactView | None:
    if row.contact_id is None:
        return None
    return ContactView(row.contact_name, row.contact_title, row.contact_email, row.contact_phone)


def _payment_amount(facts: Facts) -> Money | None:
    """The figure that belongs beside the payment status."""
    figures = facts.figures
    shown = {
        PaymentStatus.REQUESTED: figures.requested,
        PaymentStatus.CONFIRMING: figures.balance,
        PaymentStatus.DECLINED: figures.balance,
        PaymentStatus.PART_PAID: figures.captured,
        PaymentStatus.PAID: figures.captured,
        PaymentStatus.AUTHORIZED: figures.authorized,
    }.get(facts.payment_status)
    return facts.money(shown) if shown else None


def _instalment(facts: Facts, n: int, step: PlanStep) -> InstalmentView:
    agreed = facts.plan_amounts[n] if facts.plan_amounts else facts.money(step.amount or 0)
    return InstalmentView(
        amount=agreed,
        due=due_words(step),
        collection=collection_words(step.collection),
        status=_status_at_signature(facts, n, step) if step.due is Due.SIGNATURE else None,
        share=percent(step.percent) if step.percent is not None else None,
    )


def _status_at_signature(facts: Facts, n: int, step: PlanStep) -> str | None:
    """Of the first payment order, which asks for it by card, or of the bank transfer's own."""
    transfer, purpose = step.at_signature(by_transfer=True), transfer_purpose(facts.row.number, n + 1)
    mine = (x for x in facts.payment_orders if (x.row.purpose == purpose if transfer else x.row.first))
    return next((x.status for x in mine if x.counts), None)


def _approval(facts: Facts) -> ApprovalView | None:
    row = facts.row
    if row.approval_id is None:
        return None
    signed = documents.newest(facts.documents, "signed_order", row.approval_id)
    returned = row.approval_status in (ApprovalStatus.DECLINED, ApprovalStatus.CHANGE_REQUESTED)
    return ApprovalView(
        status=row.approval_status,
        sent_to=row.sent_to,
        sent_at=row.sent_at,
        viewed_at=row.viewed_at,
        signed_at=row.signed_at,
        signer=row.signer,
        expires_at=row.expires_at,
        asks_payment=row.asks_payment,
        reason=row.customers_words if returned else None,
        signed_pdf=documents.url(signed),
    )
