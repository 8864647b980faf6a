"""Receipts for money that came in, and their allocation to invoices."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select

from ... import audit, numbering
from ...db import db, get
from ...db import write as write_row
from ...errors import Refusal
from ...models import Actor, Allocation, Attempt, Invoice, PaymentOrder, Receipt, Transaction
from ...money import Money
from ...queries.receivables import figures
from . import invoices

ALLOCATION = insert(Allocation)


def for_transaction(transaction: Transaction, *, by: Actor) -> Receipt:
    """The receipt of a capture, made once (invariant 6). Inside a transaction."""
    existing = db.session.scalars(select(Receipt).where(Receipt.transaction_id == transaction.id)).one_or_none()
    if existing is not None:
        return existing
    payment_order = db.session.get_one(PaymentOrder, transaction.payment_order_id)
    attempt = db.session.get_one(Attempt, transaction.attempt_id)
    return write(
        by=by,
        account_id=payment_order.account_id,
        payment_order_id=payment_order.id,
        transaction_id=transaction.id,
        amount=transaction.amount,
        currency=transaction.currency,
        paid_with=attempt.card_label,
    )


def write(*, by: Actor, **facts: Any) -> Receipt:
    """The row with its number, history and audit. Inside a transaction, account locked."""
    row = Receipt(number=numbering.take("receipt"), **facts)
    db.session.add(row)
    db.session.flush()
    subject = get(PaymentOrder, row.payment_order_id) if row.payment_order_id else row
    event, told = ("receipt", row.amount) if row.amount > 0 else ("given_back", -row.amount)
    event = "bounced" if row.reversal else event
    subject.record(event, by=by, because=row.note or None, number=row.number, amount=told, currency=row.currency)
    audit.note("receipt.create", row.number, by=by, after={"amount": row.money})
    return row


def free(receipt: Receipt) -> int:
    """Minor units of the receipt that can pay an invoice: its own rest, as far as its money is still here."""
    given, unapplied = figures.given_and_unapplied(receipt.id, receipt.root_id)
    return max(min(receipt.amount - given, unapplied), 0)


def allocate(receipt: Receipt, invoice: Invoice, *, by: Actor, most: int | None = None) -> int:
    """As much of the receipt as is free, to as much of the invoice as is due, but at most `most`; the minor units
    allocated.

    Never above either (invariant 5); what is left of the receipt is unapplied cash. Inside a transaction, account
    locked.
    """
    if receipt.account_id != invoice.account_id or receipt.currency != invoice.currency:
        raise Refusal("foreign_invoice", "Receipt and invoice belong to different accounts or currencies.")
    amount = min(free(receipt), figures.of_invoice(invoice.id).due)
    amount = amount if most is None else min(amount, most)
    if amount <= 0:
        return 0
    _add(receipt, invoice, amount)
    invoices.settle(invoice, by=by, receipt=receipt.number, amount=amount, currency=receipt.currency)
    _note("receipt.allocate", receipt, invoice, amount, by=by)
    return amount


def take_off(receipt: Receipt, invoice: Invoice, amount: int, *, by: Actor, because: str | None = None) -> None:
    """So many minor units of the receipt's money do not pay the invoice any more. The caller settles the invoice."""
    _add(receipt, invoice, -amount)
    _note("receipt.take_back", receipt, invoice, amount, by=by, because=because)


def _add(receipt: Receipt, invoice: Invoice, amount: int) -> None:
    write_row(ALLOCATION, receipt_id=receipt.id, invoice_id=invoice.id, amount=amount)


def _note(
    action: str, receipt: Receipt, invoice: Invoice, amount: int, *, by: Actor, because: str | None = None
) -> None:
    after: dict[str, Any] = {"invoice": invoice.number, "amount": Money(amount, receipt.currency)}
    audit.note(action, receipt.number, by=by, after=after | ({"because": because} if because else {}))


def allocate_all(payment_order: PaymentOrder, invoice: Invoice, *, by: Actor) -> None:
    """Whatever came in for the payment order and pays nothing yet, oldest first. Account locked."""
    mine = select(Receipt).where(Receipt.payment_order_id == payment_order.id, Receipt.parent_id.is_(None))
    for row in db.session.scalars(mine.order_by(Receipt.id)).all():
        allocate(row, invoice, by=by)
