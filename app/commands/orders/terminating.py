"""An active order is terminated: what was not delivered is credited, its agreements end, nothing asks for it any more.

In one transaction, and exactly what whoever decided it had seen. Money that had paid what is credited becomes unapplied
cash; refunding it is a step of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import select

from ... import audit, forms
from ...access import Permission, demand
from ...badges import said
from ...db import db, get, lock, lock_all, transaction
from ...errors import Refusal
from ...language import marked
from ...models import (
    Account,
    Actor,
    Attempt,
    Invoice,
    Movement,
    PaymentAgreement,
    PaymentOrder,
    PostProcessing,
    SalesOrder,
    Subscription,
    Transaction,
    TransactionAction,
    User,
)
from ...states import attempt, movement
from ...states.agreement import ENDED
from ...states.order import OrderEvent
from ...states.subscription import SubscriptionEvent
from ..agreements import ending
from ..payments import lowering, movement_rows, payment_orders
from ..receivables import credit_notes
from . import termination
from .termination import Termination

RELOAD = marked("Reload the page to see where it stands.")


def terminate(
    order_id: int, *, delivered: Mapping[int, Decimal], seen: str, because: str, form_key: str, by: User
) -> SalesOrder:
    """`seen` is the seal of the Termination that the page showed.

    Raises Refusal: `not_permitted`, `not_active`, `payment_in_progress`, `changed`, `reason_missing`, `key_reused`, and
    those of `termination.foresee`.
    """
    content = ["order.terminate", order_id, sorted((id, f"{x.normalize():f}") for id, x in delivered.items()), because]
    with transaction():
        demand(by, Permission.ORDER_TERMINATE)
        lock(Account, get(SalesOrder, order_id).account_id)
        order = lock(SalesOrder, order_id)
        if forms.answered(form_key, content) is not None:
            return order
        _refuse_unless_terminable(order, because)
        _hold_agreements(order)
        plan = termination.foresee(order.id, delivered)
        if plan.seal != seen:
            raise changed()
        _end(order, plan, because.strip(), by=Actor.of(by))
        forms.remember(form_key, content, id=order.id)
        return order


def changed() -> Refusal:
    return Refusal(
        "changed",
        "What this comes to has changed since you looked at it.",
        "Look at it again below; nothing was done yet.",
    )


def blocks(order: SalesOrder) -> list[Refusal]:
    """What keeps the order from being terminated now; the page shows it before anything is filled in."""
    if not order.can(OrderEvent.TERMINATE):
        sentence = marked("%(order)s cannot be terminated: it is %(state)s. Only an active order is.")
        return [Refusal("not_active", sentence, RELOAD, order=order.number, state=said("order", order.status))]
    if _money_moves(order):
        return [
            Refusal(
                "payment_in_progress",
                "A payment for this order or its agreements is in progress, and not everything has come of it yet.",
                "Wait until the gateway has confirmed it; the payment panel shows when.",
            )
        ]
    return []


def _refuse_unless_terminable(order: SalesOrder, because: str) -> None:
    for refusal in blocks(order):
        raise refusal
    if not because.strip():
        raise Refusal("reason_missing", "Say why; the reason stays with the order's history.", status=422)


def _money_moves(order: SalesOrder) -> bool:
    """Of the order, or of any period of its agreements: an open attempt, a capture whose end is not known, or money
    that was captured and has not come to its invoice yet."""
    agreements = select(PaymentAgreement.id).where(PaymentAgreement.order_id == order.id)
    mine = select(PaymentOrder.id).where(
        (PaymentOrder.order_id == order.id) | PaymentOrder.agreement_id.in_(agreements)
    )
    charges = select(Attempt.id).where(Attempt.payment_order_id.in_(mine), Attempt.status.in_(attempt.OPEN))
    captures = select(Movement.id).where(
        Movement.payment_order_id.in_(mine),
        Movement.action == TransactionAction.CAPTURE,
        Movement.status.in_(movement.ASKED),
    )
    undone = (
        select(PostProcessing.id)
        .join(Transaction, Transaction.id == PostProcessing.transaction_id)
        .where(Transaction.payment_order_id.in_(mine), PostProcessing.done_at.is_(None))
    )
    return any(db.session.scalar(found.limit(1)) is not None for found in (charges, captures, undone))


def _hold_agreements(order: SalesOrder) -> None:
    """All of them before anything that comes after them in the order of locks."""
    mine = select(PaymentAgreement.id).where(
        PaymentAgreement.order_id == order.id, PaymentAgreement.status.not_in(ENDED)
    )
    lock_all(PaymentAgreement, db.session.scalars(mine).all())


def _end(order: SalesOrder, plan: Termination, because: str, *, by: Actor) -> None:
    why = f"Order {order.number} is terminated"
    ending.end_with(order, by=by, because=why)
    _end_subscriptions(order, plan, by=by, because=why)
    movement_rows.void_held(order, by=by, because=why)
    payment_orders.withdraw_open(order, by=by, because=why)
    for credit in plan.credits:
        invoice = lock(Invoice, credit.invoice_id)
        note = credit_notes.of_undelivered(invoice, dict(credit.amounts), note=why, by=by)
        lowering.lower(invoice, by=by, because=f"Credit note {note.number}")
    order.transition(OrderEvent.TERMINATE, by=by, because=because, amount=plan.credited.minor, currency=plan.currency)
    after = {"because": because, "credited": plan.credited, "unapplied": plan.freed}
    audit.note("order.terminate", order.number, by=by, after=after)


def _end_subscriptions(order: SalesOrder, plan: Termination, *, by: Actor, because: str) -> None:
    """Of those that no agreement has ended: today is the last day of what has begun; the others never begin."""
    for row in db.session.scalars(select(Subscription).where(Subscription.order_id == order.id)):
        if row.can(SubscriptionEvent.END):
            row.end_by(plan.today)
            row.transition(SubscriptionEvent.END, by=by, because=because, item=row.description)
