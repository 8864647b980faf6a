"""Money that a gateway gave back, in the receivables: a negative receipt below the capture's.

Inside the caller's transaction, with the account locked.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from ... import jobs
from ...db import db, get
from ...models import Actor, Attempt, Dispute, Invoice, PaymentOrder, Receipt, Symptom, Transaction
from ...money import Money
from ...queries import ledger
from ...queries.receivables import figures
from ..agreements import outcomes
from ..office import escalations
from ..post import papers
from ..receivables import receipts, taking_back


def refunded(transaction: Transaction, *, by: Actor) -> Receipt:
    """The negative receipt of a refund, made once."""
    known = _of(transaction)
    if known is not None:
        return known
    capture = get(Transaction, transaction.parent_id)
    root = receipts.for_transaction(capture, by=by)
    label = get(Attempt, transaction.attempt_id).card_label
    row = taking_back.take(
        root, transaction.amount, "given_back", by=by, paid_with=label, transaction_id=transaction.id
    )
    watch(capture)
    return row


def watch(capture: Transaction) -> None:
    """Refunds and banks may give back the same money twice: then more has left than had come, and finance is told for
    as long as it is so, from the moment that it has left."""
    root = _of(capture)
    if root is None:
        return
    came = int(db.session.scalar(_sum(Receipt.amount).where(figures.pot(root.id))) or 0)
    gone = Money(ledger.undecided(capture.id) - came, capture.currency)
    if gone.minor <= 0:
        escalations.clear(Symptom.OVERDRAWN, root, "No more has left than had come.")
        return
    payment_order = get(PaymentOrder, capture.payment_order_id)
    escalations.open(
        Symptom.OVERDRAWN,
        root,
        root.number,
        f"{gone} more than had come with {root.number} was given back, by refunds and disputes together.",
        order_id=payment_order.order_id,
        account_id=root.account_id,
        owed=gone.minor,
        currency=gone.currency,
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
    gone = get(Transaction, transaction.parent_id)
    refund = refunded(gone, by=by)
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
    watch(get(Transaction, gone.parent_id))
    return row


def _pay_again(row: Receipt, taken: dict[int, int], *, by: Actor) -> None:
    """What asked for it again meanwhile gives way, by a job: other payment orders come before what is held by now."""
    for invoice_id, amount in taken.items():
        invoice = get(Invoice, invoice_id)
        receipts.allocate(row, invoice, by=by, most=amount)
        papers.invoice(invoice)
    jobs.stage("payment_orders.lower", payment_order_id=row.payment_order_id)
    outcomes.money_moved(row, "came_back", by=by)


def _of(transaction: Transaction) -> Receipt | None:
    return db.session.scalars(select(Receipt).where(Receipt.transaction_id == transaction.id)).one_or_none()
