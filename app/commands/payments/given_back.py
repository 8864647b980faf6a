"""Money that a gateway gave back, in the receivables: a negative receipt below the capture's.

Inside the caller's transaction, with the account locked.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from ...db import db, get
from ...models import Actor, Attempt, Dispute, Invoice, Receipt, Transaction
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


def follow(dispute: Dispute, gone: int, *, by: Actor) -> None:
    """The receivables say what a bank has taken for good, `gone` minor units of the dispute, whichever way that
    changed: by a decision, by an appeal against it, by money that moved later."""
    told = -int(db.session.scalar(_sum(Receipt.amount).where(Receipt.dispute_id == dispute.id)) or 0)
    if gone > told:
        _lost(dispute, gone - told, by=by)
    elif gone < told:
        _won_back(dispute, told - gone, by=by)


def _sum(column: Any) -> Any:
    return select(func.sum(column))


def _lost(dispute: Dispute, amount: int, *, by: Actor) -> None:
    root = receipts.for_transaction(dispute.transaction, by=by)
    label = get(Attempt, dispute.transaction.attempt_id).card_label
    taking_back.take(root, amount, "charged_back", by=by, paid_with=label, dispute_id=dispute.id)


def _won_back(dispute: Dispute, amount: int, *, by: Actor) -> None:
    """Received again, and it pays what the dispute had taken it from as far as that is still owed."""
    root = receipts.for_transaction(dispute.transaction, by=by)
    mine = db.session.scalars(select(Receipt).where(Receipt.dispute_id == dispute.id)).all()
    taken = taking_back.taken_by(*mine)
    row = receipts.write(
        by=by,
        account_id=root.account_id,
        payment_order_id=root.payment_order_id,
        parent_id=root.id,
        dispute_id=dispute.id,
        amount=amount,
        currency=root.currency,
        paid_with=root.paid_with,
    )
    _pay_again(row, taken, by=by)


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
    _pay_again(row, taking_back.taken_by(refund), by=by)
    return row


def _pay_again(row: Receipt, taken: dict[int, int], *, by: Actor) -> None:
    for invoice_id, amount in taken.items():
        invoice = get(Invoice, invoice_id)
        receipts.allocate(row, invoice, by=by, most=amount)
        papers.invoice(invoice)
    outcomes.money_moved(row, "came_back", by=by)


def _of(transaction: Transaction) -> Receipt | None:
    return db.session.scalars(select(Receipt).where(Receipt.transaction_id == transaction.id)).one_or_none()
