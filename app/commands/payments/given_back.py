"""Money that left again, in the receivables: a negative receipt, and invoices that are owed again.

What was never applied to an invoice goes first, then what paid the newest one. Inside the caller's transaction, with
the account locked.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from ... import audit, numbering
from ...db import db, get
from ...models import Actor, Allocation, Attempt, Dispute, Invoice, PaymentOrder, Receipt, Transaction
from ...money import Money
from ...states.invoice import InvoiceEvent
from ..post import papers
from ..receivables import receipts


def refunded(transaction: Transaction, *, by: Actor) -> Receipt:
    """The negative receipt of a refund, made once."""
    known = _of(transaction)
    if known is not None:
        return known
    label = get(Attempt, transaction.attempt_id).card_label
    return _take(get(PaymentOrder, transaction.payment_order_id), transaction.amount, label, by=by, proof=transaction)


def lost(dispute: Dispute, amount: Money, *, by: Actor) -> Receipt:
    """The negative receipt of what a bank took for good; the caller sees to it that it is asked for once."""
    label = get(Attempt, dispute.transaction.attempt_id).card_label
    return _take(dispute.payment_order, amount.minor, label, by=by)


def returned(transaction: Transaction, *, by: Actor) -> Receipt:
    """The refund came back: its money is received again, and pays what the refund had taken it from."""
    known = _of(transaction)
    if known is not None:
        return known
    row = _write(get(PaymentOrder, transaction.payment_order_id), transaction.amount, "", by=by, proof=transaction)
    taken = select(Allocation.invoice_id).join(Receipt, Receipt.id == Allocation.receipt_id)
    for invoice_id in db.session.scalars(taken.where(Receipt.transaction_id == transaction.parent_id)).all():
        invoice = get(Invoice, invoice_id)
        receipts.allocate(row, invoice, by=by)
        papers.invoice(invoice)
    return row


def _of(transaction: Transaction) -> Receipt | None:
    return db.session.scalars(select(Receipt).where(Receipt.transaction_id == transaction.id)).one_or_none()


def _take(
    payment_order: PaymentOrder, amount: int, label: str, *, by: Actor, proof: Transaction | None = None
) -> Receipt:
    held = _applied(payment_order.id)
    free = _received(payment_order.id) - sum(held.values())
    row = _write(payment_order, -amount, label, by=by, proof=proof)
    short = amount - max(free, 0)
    for invoice_id in sorted(held, reverse=True):
        back = min(held[invoice_id], short)
        if back > 0:
            _take_off(row, get(Invoice, invoice_id), back, by=by)
            short -= back
    return row


def _received(payment_order_id: int) -> int:
    query = select(func.coalesce(func.sum(Receipt.amount), 0)).where(Receipt.payment_order_id == payment_order_id)
    return int(db.session.scalar(query) or 0)


def _applied(payment_order_id: int) -> dict[int, int]:
    """Minor units of its money, by the invoice that they pay."""
    rows = db.session.execute(
        select(Allocation.invoice_id, func.sum(Allocation.amount))
        .join(Receipt, Receipt.id == Allocation.receipt_id)
        .where(Receipt.payment_order_id == payment_order_id)
        .group_by(Allocation.invoice_id)
    ).all()
    return {invoice_id: int(amount) for invoice_id, amount in rows if amount}


def _write(
    payment_order: PaymentOrder, amount: int, label: str, *, by: Actor, proof: Transaction | None = None
) -> Receipt:
    row = Receipt(
        number=numbering.take("receipt"),
        account_id=payment_order.account_id,
        payment_order_id=payment_order.id,
        transaction_id=proof.id if proof else None,
        amount=amount,
        currency=payment_order.currency,
        paid_with=label,
    )
    db.session.add(row)
    db.session.flush()
    event, told = ("receipt", amount) if amount > 0 else ("given_back", -amount)
    payment_order.record(event, by=by, number=row.number, amount=told, currency=row.currency)
    audit.note("receipt.create", row.number, by=by, after={"amount": row.money})
    return row


def _take_off(row: Receipt, invoice: Invoice, amount: int, *, by: Actor) -> None:
    db.session.add(Allocation(receipt_id=row.id, invoice_id=invoice.id, amount=-amount))
    db.session.flush()
    event = InvoiceEvent.REOPEN_PART if receipts.allocated(invoice_id=invoice.id) else InvoiceEvent.REOPEN
    told: dict[str, Any] = {"receipt": row.number, "amount": -amount, "currency": row.currency}
    if invoice.can(event):
        invoice.transition(event, by=by, **told)
    else:
        invoice.record("allocated", by=by, **told)
    after = {"invoice": invoice.number, "amount": Money(amount, row.currency)}
    audit.note("receipt.take_back", row.number, by=by, after=after)
    papers.invoice(invoice)
