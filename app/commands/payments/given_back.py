"""Money that a gateway gave back, in the receivables: a negative receipt below the capture's.

Inside the caller's transaction, with the account locked.
"""

from __future__ import annotations

from sqlalchemy import select

from ...db import db, get
from ...models import Actor, Attempt, Dispute, Invoice, Receipt, Transaction
from ...money import Money
from ..agreements import outcomes
from ..post import papers
from ..receivables import receipts, taking_back


def refunded(transaction: Transaction, *, by: Actor) -> Receipt:
    """The negative receipt of a refund, made once."""
    known = _of(transaction)
    if known is not None:
        return known
    root = receipts.for_transaction(get(Transaction, transaction.parent_id), by=by)
    label = get(Attempt, transaction.attempt_id).card_label
    return taking_back.take(
        root, transaction.amount, "given_back", by=by, paid_with=label, transaction_id=transaction.id
    )


def lost(dispute: Dispute, amount: Money, *, by: Actor) -> Receipt:
    """The negative receipt of what a bank took for good; the caller sees to it that it is asked for once."""
    root = receipts.for_transaction(dispute.transaction, by=by)
    label = get(Attempt, dispute.transaction.attempt_id).card_label
    return taking_back.take(root, amount.minor, "charged_back", by=by, paid_with=label)


def returned(transaction: Transaction, *, by: Actor) -> Receipt:
    """The refund came back: its money is received again, and pays what the refund had taken it from."""
    known = _of(transaction)
    if known is not None:
        return known
    refund = refunded(get(Transaction, transaction.parent_id), by=by)
    row = receipts.write(
        by=by,
        account_id=refund.account_id,
        payment_order_id=refund.payment_order_id,
        transaction_id=transaction.id,
        parent_id=refund.parent_id,
        amount=transaction.amount,
        currency=transaction.currency,
    )
    for invoice_id, amount in taking_back.taken_by(refund).items():
        invoice = get(Invoice, invoice_id)
        receipts.allocate(row, invoice, by=by, most=amount)
        papers.invoice(invoice)
    outcomes.money_moved(row, "came_back", by=by)
    return row


def _of(transaction: Transaction) -> Receipt | None:
    return db.session.scalars(select(Receipt).where(Receipt.transaction_id == transaction.id)).one_or_none()
