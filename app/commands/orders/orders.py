"""The life of a sales order by hand and by clock: back to draft, booked on terms, cancelled, expired.

What is written in an order is edited in order_edits.py; notes and files are added in order_papers.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import gettext
from sqlalchemy import or_, select

from ... import clock, jobs
from ...access import Permission, can, demand
from ...badges import said
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...formatting import money
from ...language import marked
from ...models import (
    SYSTEM,
    Account,
    Actor,
    Approval,
    Invoice,
    Opportunity,
    OpportunityStage,
    PaymentOrder,
    SalesOrder,
    Subscription,
    User,
)
from ...models.order import TAG_DECLINED, TAG_EXPIRED
from ...queries import ledger
from ...states.approval import LIVE, ApprovalEvent, ApprovalStatus
from ...states.invoice import InvoiceStatus
from ...states.order import OrderEvent, OrderStatus
from ...states.subscription import SubscriptionEvent
from ..agreements import ending
from ..payments import movement_rows, payment_orders
from ..receivables import credit_notes, issuing
from . import activation, approvals

NOTHING_LEFT = (InvoiceStatus.DRAFT, InvoiceStatus.CREDITED)
RELOAD = marked("Reload the page to see where it stands.")


def convert_to_draft(order_id: int, *, because: str, by: User) -> SalesOrder:
    """Take the order back from its customer: the approval is voided, every link dies, the decline tag goes.

    Raises Refusal: `not_with_customer`, `payment_in_progress`, `reason_missing`.
    """
    with transaction():
        demand(by, Permission.ORDER_EDIT)
        order = lock(SalesOrder, order_id)
        if not order.can(OrderEvent.CONVERT_TO_DRAFT):
            raise Refusal(
                "not_with_customer", "%(order)s is not with the customer: it is %(state)s.", RELOAD, **_where(order)
            )
        payment_orders.refuse_while_paying(order)
        approvals.close_live(order, ApprovalEvent.REVOKE, by=Actor.of(by), because=because)
        payment_orders.withdraw_open(order, by=Actor.of(by), because="Converted to draft")
        order.untag(TAG_DECLINED)
        order.transition(OrderEvent.CONVERT_TO_DRAFT, by=Actor.of(by), because=_given(because))
        return order


def book(order_id: int, *, by: User) -> SalesOrder:
    """Book a draft on terms, where no card is to pay at signature; activation or its schedule follows at once.

    A bank transfer that was agreed for the signature is asked for, and not waited for; where the plan waits for nothing
    else, the order is invoiced at once.

    Raises Refusal: `not_a_draft`, `due_at_signature`, `on_hold`, `billing_incomplete`, `payment_in_progress`.
    """
    with transaction():
        demand(by, Permission.ORDER_BOOK)
        account = lock(Account, get(SalesOrder, order_id).account_id)
        order = lock(SalesOrder, order_id)
        if not order.can(OrderEvent.BOOK):
            raise Refusal("not_a_draft", "%(order)s is not a draft: it is %(state)s.", RELOAD, **_where(order))
        payment_orders.refuse_while_paying(order)
        _refuse_unless_ready_to_bill(order, account)
        order.transition(OrderEvent.BOOK, by=Actor.of(by))
        payment_orders.open_transfers(order, by=Actor.of(by))
        activation.activate_or_schedule(order, by=Actor.of(by))
        issuing.with_booking(order, by=Actor.of(by))
        return order


def _refuse_unless_ready_to_bill(order: SalesOrder, account: Account) -> None:
    due = payment_orders.due_at_signature(order)
    if due:
        raise Refusal(
            "due_at_signature",
            "%(amount)s of %(order)s are due at signature, so it is not booked on terms.",
            "Send it for approval, collect the first payment, or change the payment plan.",
            amount=money(due),
            order=order.number,
        )
    if account.hold_reason:
        raise payment_orders.on_hold(account)
    if order.billing_address_id is None or account.billing_contact_id is None:
        missing = gettext("billing address") if order.billing_address_id is None else gettext("billing contact")
        raise Refusal(
            "billing_incomplete",
            "%(order)s cannot be billed: there is no %(missing)s.",
            "Add it, then book.",
            order=order.number,
            missing=missing,
        )


def cancel(order_id: int, *, because: str, by: User) -> SalesOrder:
    """Cancel an order that holds no money: links die, what was requested is withdrawn, the opportunity reopens.

    Raises Refusal: `not_cancellable`, `money_received`, `invoiced`, `payment_in_progress`, `reason_missing`.
    """
    with transaction():
        demand(by, Permission.ORDER_CANCEL)
        actor, reason = Actor.of(by), _given(because)
        lock(Account, get(SalesOrder, order_id).account_id)
        order = lock(SalesOrder, order_id)
        if not order.can(OrderEvent.CANCEL):
            sentence = marked("%(order)s cannot be cancelled any more: it is %(state)s.")
            raise Refusal("not_cancellable", sentence, RELOAD, **_where(order))
        payment_orders.refuse_while_paying(order)
        _refuse_while_money_is_on_it(order)
        ending.end_with(order, by=actor, because=f"Order {order.number} is cancelled")
        _credit_invoices(order, by)
        approvals.close_live(order, ApprovalEvent.REVOKE, by=actor)
        movement_rows.void_held(order, by=actor, because="Order cancelled")
        payment_orders.withdraw_open(order, by=actor, because="Order cancelled")
        _end_subscriptions(order, by=actor)
        _reopen(order, by=actor)
        order.transition(OrderEvent.CANCEL, by=actor, because=reason)
        return order


def _refuse_while_money_is_on_it(order: SalesOrder) -> None:
    ids = db.session.scalars(select(PaymentOrder.id).where(PaymentOrder.order_id == order.id)).all()
    if any(f.kept for f in ledger.figures(ids).values()):
        raise Refusal(
            "money_received",
            "Money was received for %(order)s; it must be credited and refunded before it is cancelled.",
            "Ask AR / finance.",
            order=order.number,
        )


def _credit_invoices(order: SalesOrder, by: User) -> None:
    """What was invoiced will not be supplied. By whoever may issue credit notes; else they do it first."""
    standing = select(Invoice).where(Invoice.order_id == order.id, Invoice.status.not_in(NOTHING_LEFT))
    for invoice in db.session.scalars(standing.order_by(Invoice.id)).all():
        if not can(Permission.CREDIT_NOTE_ISSUE, by):
            raise Refusal(
                "invoiced",
                "%(order)s is invoiced; the invoice must be credited before the order can be cancelled.",
                "Ask AR / finance.",
                order=order.number,
            )
        credit_notes.cancel(invoice, note=f"Order {order.number} is cancelled", by=Actor.of(by))


def _end_subscriptions(order: SalesOrder, *, by: Actor) -> None:
    for subscription in db.session.scalars(select(Subscription).where(Subscription.order_id == order.id)):
        if subscription.can(SubscriptionEvent.END):
            subscription.transition(SubscriptionEvent.END, by=by, because="Order cancelled")


def _reopen(order: SalesOrder, *, by: Actor) -> None:
    opportunity = db.session.get(Opportunity, order.opportunity_id) if order.opportunity_id else None
    if opportunity is not None and opportunity.stage is OpportunityStage.WON:
        opportunity.stage = OpportunityStage.OPEN
        opportunity.record("reopened", by=by, because=f"{order.number} was cancelled")


@jobs.tick("orders.expire_approvals", every=timedelta(minutes=5))
def expire_approvals() -> int:
    """Orders whose approval link ran out unsigned, or unpaid after a decline, go back to draft. Returns how many."""
    due = db.session.scalars(
        select(Approval.order_id)
        .join(SalesOrder, SalesOrder.id == Approval.order_id)
        .where(
            Approval.closed_at.is_(None),
            Approval.expires_at <= clock.now(),
            or_(
                Approval.status == ApprovalStatus.PENDING,
                (Approval.status == ApprovalStatus.SIGNED) & (SalesOrder.status == OrderStatus.DECLINED),
            ),
        )
    ).all()
    return jobs.each("orders.expire_approvals", due, _expire)


def _expire(order_id: int) -> bool:
    """False where the order moved on meanwhile, or a payment is still on its way: its end decides first."""
    with transaction():
        order = lock(SalesOrder, order_id)
        approval = db.session.scalars(
            select(Approval).where(
                Approval.order_id == order_id, Approval.status.in_(LIVE), Approval.closed_at.is_(None)
            )
        ).one_or_none()
        if approval is None or approval.expires_at > clock.now() or not order.can(OrderEvent.LINK_EXPIRED):
            return False
        if payment_orders.money_under_way(order_id):
            return False
        signed = approval.status is ApprovalStatus.SIGNED
        approvals.close_live(order, ApprovalEvent.REVOKE if signed else ApprovalEvent.EXPIRE, by=SYSTEM)
        payment_orders.withdraw_open(order, by=SYSTEM, because="Approval expired")
        order.untag(TAG_DECLINED)
        order.tag(TAG_EXPIRED)
        order.transition(OrderEvent.LINK_EXPIRED, by=SYSTEM)
        return True


def _where(order: SalesOrder) -> dict[str, Any]:
    """What the sentences of a refusal tell of it."""
    return {"order": order.number, "state": said("order", order.status)}


def _given(because: str) -> str:
    """The reason, which history keeps. Raises Refusal `reason_missing`."""
    if not because.strip():
        raise Refusal("reason_missing", "Say why; the reason stays with the order's history.", status=422)
    return because.strip()
