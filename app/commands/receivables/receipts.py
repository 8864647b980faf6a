"""Receipts for money that came in, and their allocation to invoices."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select

from ... import audit, numbering
from ...db import db, read_columns
from ...errors import Refusal
from ...models import Actor, Allocation, Attempt, Invoice, PaymentOrder, Receipt, Transaction
from ...money import Money
from ...states.invoice import InvoiceEvent


def for_transaction(transaction: Transaction, *, by: Actor) -> Receipt:
    """The receipt of a capture, made once (invariant 6). Inside a transaction."""
    existing = db.session.scalars(select(Receipt).where(Receipt.transaction_id == transaction.id)).one_or_none()
    if existing is not None:
        return existing
    payment_order = db.session.get_one(PaymentOrder, transaction.payment_order_id)
    attempt = db.session.get_one(Attempt, transaction.attempt_id)
    receipt = Receipt(
        number=numbering.take("receipt"),
        account_id=payment_order.account_id,
        payment_order_id=payment_order.id,
        transaction_id=transaction.id,
        amount=transaction.amount,
        currency=transaction.currency,
        paid_with=attempt.card_label,
    )
    db.session.add(receipt)
    db.session.flush()
    payment_order.record("receipt", by=by, number=receipt.number, amount=receipt.amount, currency=receipt.currency)
    audit.note("receipt.create", receipt.number, by=by, after={"amount": receipt.money})
    return receipt


ALLOCATED = select(func.coalesce(func.sum(Allocation.amount), 0))
OF_RECEIPT = ALLOCATED.where(Allocation.receipt_id == bindparam("of"))
TO_INVOICE = ALLOCATED.where(Allocation.invoice_id == bindparam("of"))


def allocated(*, receipt_id: int | None = None, invoice_id: int | None = None) -> int:
    """Minor units already allocated of a receipt, or to an invoice."""
    found = read_columns(OF_RECEIPT, of=receipt_id) if receipt_id else read_columns(TO_INVOICE, of=invoice_id)
    return int(found.scalar_one())


def allocate(receipt: Receipt, invoice: Invoice, *, by: Actor) -> int:
    """As much of the receipt as is free, to as much of the invoice as is due; the minor units allocated.

    Never above either (invariant 5); what is left of the receipt is unapplied cash. Inside a transaction, account
    locked.
    """
    if receipt.account_id != invoice.account_id or receipt.currency != invoice.currency:
        raise Refusal("foreign_invoice", "Receipt and invoice belong to different accounts or currencies.")
    free = receipt.amount - allocated(receipt_id=receipt.id)
    due = invoice.gross - allocated(invoice_id=invoice.id)
    amount = min(free, due)
    if amount <= 0:
        return 0
    db.session.add(Allocation(receipt_id=receipt.id, invoice_id=invoice.id, amount=amount))
    db.session.flush()
    event = InvoiceEvent.PAY_FULL if amount == due else InvoiceEvent.PAY_PART
    invoice.transition(event, by=by, receipt=receipt.number, amount=amount, currency=receipt.currency)
    audit.note(
        "receipt.allocate",
        receipt.number,
        by=by,
        after={"invoice": invoice.number, "amount": Money(amount, receipt.currency)},
    )
    return amount
