"""What is asked for once less is due: after a credit note, a write-off, or cash that paid an invoice in another way.

An open payment order asks for, or holds, no more than its invoice still has due, and those of an order together no more
than the order has; the newest gives way first, and what is held last. Its link asked for the older sum, so it ends. Of
a hold as much may be captured as its payment order is still over; where that is nothing, it is let go. Inside the
caller's transaction, account locked; no payment can start or end meanwhile.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from sqlalchemy import false, or_, select

from ... import audit, jobs
from ...db import db, get, lock, transaction
from ...models import (
    SYSTEM,
    Account,
    Actor,
    Invoice,
    Movement,
    PaymentOrder,
    PaymentOrderLine,
    SalesOrder,
    TransactionAction,
)
from ...money import Money
from ...queries import ledger
from ...queries.receivables import figures
from ...states.intent import IntentEvent
from ...states.movement import ASKED
from ...states.payment_order import PaymentOrderEvent, PaymentOrderStatus
from . import movement_rows, payment_orders

A = TransactionAction


def lower(invoice: Invoice, *, by: Actor, because: str, spare_paying: bool = False) -> list[PaymentOrder]:
    """The payment orders that ask for less now, or for nothing.

    Raises Refusal `payment_in_progress` where one of them is just being paid; with `spare_paying` it is left as it is
    until `look_again`, and what comes above what is due meanwhile is unapplied cash.
    """
    return _lower_all(invoice.id, invoice.order_id, by=by, because=because, spare_paying=spare_paying)


def lower_again(row: PaymentOrder, *, by: Actor, because: str) -> list[PaymentOrder]:
    """It asks for what it had once collected or was being paid, and less may be due by now."""
    return _lower_all(row.invoice_id, row.order_id, by=by, because=because, spare_paying=True)


def lower_to_order(order: SalesOrder, *, by: Actor, because: str) -> list[PaymentOrder]:
    """The payment orders that ask for less, or for nothing, now that the order comes to less; what they have collected
    counts, invoiced or not. Raises Refusal `payment_in_progress`."""
    above = -min(ledger.unclaimed(order.id, order.totals().gross.minor), 0)
    return _down_to(ledger.asked(order.id) - above, _open(None, order.id), (), by=by, because=because) if above else []


@jobs.handler("payment_orders.lower")
def look_again(payment_order_id: int) -> None:
    """What was being paid when less became due, and was not paid then."""
    with transaction():
        row = get(PaymentOrder, payment_order_id)
        lock(Account, row.account_id)
        if row.order_id is not None:
            lock(SalesOrder, row.order_id)
        lower_again(row, by=SYSTEM, because="Less is due by now")


def _lower_all(
    invoice_id: int | None, order_id: int | None, *, by: Actor, because: str, spare_paying: bool
) -> list[PaymentOrder]:
    """What is spared asks for its part all the same, so that the others give way to it."""
    rows = _open(invoice_id, order_id)
    spared = {row.id for row in rows if _under_way(row)} if spare_paying else set()
    found = []
    if invoice_id is not None:
        own = [row for row in rows if row.invoice_id == invoice_id]
        found += _down_to(figures.of_invoice(invoice_id).due, own, spared, by=by, because=because)
    if order_id is not None:
        gross = get(SalesOrder, order_id).totals().gross.minor
        left = [row for row in rows if row.status is PaymentOrderStatus.OPEN]
        found += _down_to(ledger.still_due(order_id, gross), left, spared, by=by, because=because)
    return found


def _open(invoice_id: int | None, order_id: int | None) -> Sequence[PaymentOrder]:
    """Newest first."""
    same = [PaymentOrder.invoice_id == invoice_id] if invoice_id is not None else []
    same += [PaymentOrder.order_id == order_id] if order_id is not None else []
    query = select(PaymentOrder).where(or_(false(), *same), PaymentOrder.status == PaymentOrderStatus.OPEN)
    return db.session.scalars(query.order_by(PaymentOrder.id.desc())).all()


def _under_way(row: PaymentOrder) -> bool:
    return payment_orders.being_paid(row) or _capturing(row)


def _down_to(
    most: int, rows: Sequence[PaymentOrder], spared: Container[int], *, by: Actor, because: str
) -> list[PaymentOrder]:
    by_id = ledger.figures(row.id for row in rows)
    above, found = sum(x.to_come for x in by_id.values()) - max(most, 0), []
    yielding = [row for row in rows if row.id not in spared]
    for row in sorted(yielding, key=lambda row: by_id[row.id].held > 0):
        less = min(above, by_id[row.id].to_come)
        if less > 0:
            _lower(row, less, by=by, because=because)
            if less == by_id[row.id].to_come:
                movement_rows.void_of(row, by=by, because=because)
            found.append(row)
            above -= less
    return found


def _capturing(row: PaymentOrder) -> bool:
    """A capture is on its way."""
    captures = select(Movement.id).where(
        Movement.payment_order_id == row.id, Movement.action == A.CAPTURE, Movement.status.in_(ASKED)
    )
    return db.session.scalar(captures.limit(1)) is not None


def _lower(row: PaymentOrder, less: int, *, by: Actor, because: str) -> None:
    payment_orders.end_checkout(row, by=by, because=because, event=IntentEvent.REVOKE)
    if _capturing(row):
        raise payment_orders.in_progress(row)
    before = row.money
    if less == row.amount:
        row.transition(PaymentOrderEvent.CANCEL, by=by, because=because)
    else:
        row.amount -= less
        row.lines.append(PaymentOrderLine(description=because, amount=-less))
        row.record("lowered", by=by, because=because, number=row.number, amount=less, currency=row.currency)
    db.session.flush()
    left = Money(0 if less == before.minor else row.amount, row.currency)
    audit.note("payment_order.lower", row.number, by=by, after={"from": before, "amount": left, "because": because})
