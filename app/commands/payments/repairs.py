"""What payment operations have done again: the steps that follow money."""

from __future__ import annotations

from sqlalchemy import select

from ... import audit
from ...access import Permission, demand
from ...db import db, end_read, lock, transaction
from ...errors import NotFound, Refusal
from ...models import Actor, PaymentOrder, PostProcessing, Receipt, Transaction, User
from ..receivables import following_up
from . import post_processing


def retry(processing_id: int, *, by: User) -> bool:
    """Do now what is left to do after this transaction or receipt of offline money; whether all of it is done.

    Raises NotFound, Refusal: `not_permitted`, `done_already`.
    """
    with transaction():
        demand(by, Permission.PAYMENT_OPERATE)
        if db.session.get(PostProcessing, processing_id) is None:
            raise NotFound(f"post-processing {processing_id}")
        row = lock(PostProcessing, processing_id)
        if row.done_at is not None:
            raise Refusal("done_already", "Everything that follows this payment is done already.")
        row.record("retried", by=Actor.of(by), step=row.step)
        audit.note("post_processing.retry", _number(row), by=Actor.of(by), after={"step": row.step})
        transaction_id, receipt_id = row.transaction_id, row.receipt_id
    end_read()
    if transaction_id is not None:
        return post_processing.run(transaction_id)
    assert receipt_id is not None  # a constraint: it follows one or the other
    return following_up.run(receipt_id)


def _number(row: PostProcessing) -> str:
    if row.transaction_id is None:
        return db.session.execute(select(Receipt.number).where(Receipt.id == row.receipt_id)).scalar_one()
    query = select(PaymentOrder.number).join(Transaction, Transaction.payment_order_id == PaymentOrder.id)
    return db.session.execute(query.where(Transaction.id == row.transaction_id)).scalar_one()
