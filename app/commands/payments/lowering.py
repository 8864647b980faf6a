"""What is asked for once less is due: after a credit note, a write-off, or cash that paid an invoice in another way.

An open payment order asks for, or holds, no more than its invoice still has due, and those of an order together no more
than the order has; the newest gives way first, and what is held last. Its link asked for the older sum, so it ends. Of
a hold as much may be captured as its payment order is still over; where that is nothing, it is let go. Inside the
caller's transaction, account locked; no payment can start or end meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from ... import audit
from ...db import db, get
from ...models import Actor, Invoice, Movement, PaymentOrder, PaymentOrderLine, SalesOrder, TransactionAction
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

    Raises Refusal `payment_in_progress` where one of them is just being paid; with `spare_paying` it is left as it is,
    and what then comes above what is due is unapplied cash.
    """
    rows = [row for row in _open(invoice) if not (spare_paying and (payment_orders.being_paid(row) or _capturing(row)))]
    own = [row for row in rows if row.invoice_id == invoice.id]
    found = _down_to(figures.of_invoice(invoice.id).due, own, by=by, because=because)
    if invoice.order_id is not None:
        gross = get(SalesOrder, invoice.order_id).totals().gross.minor
        left = [row for row in rows if row.status is PaymentOrderStatus.OPEN]
        found += _down_to(ledger.still_due(invoice.order_id, gross), left, by=by, because=because)
    return found


def _open(invoice: Invoice) -> Sequence[PaymentOrder]:
    """Newest first."""
    asks = PaymentOrder.invoice_id == invoice.id
    if invoice.order_id is not None:
        asks |= PaymentOrder.order_id == invoice.order_id
    query = select(PaymentOrder).where(asks, PaymentOrder.status == PaymentOrderStatus.OPEN)
    return db.session.scalars(query.order_by(PaymentOrder.id.desc())).all()


def _down_to(most: int, rows: Sequence[PaymentOrder], *, by: Actor, because: str) -> list[PaymentOrder]:
    by_id = ledger.figures(row.id for row in rows)
    above, found = sum(x.to_come for x in by_id.values()) - max(most, 0), []
    for row in sorted(rows, key=lambda row: by_id[row.id].held > 0):
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
