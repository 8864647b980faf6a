"""What payment operations have done again: the steps that follow a payment."""

from __future__ import annotations

from sqlalchemy import select

from ... import audit
from ...access import Permission, demand
from ...db import db, end_read, lock, transaction
from ...errors import NotFound, Refusal
from ...models import Actor, PaymentOrder, PostProcessing, Transaction, User
from . import post_processing


def retry(transaction_id: int, *, by: User) -> bool:
    """Do now what is left to do after this transaction; whether all of it is done.

    Raises NotFound, Refusal: `not_permitted`, `done_already`.
    """
    with transaction():
        demand(by, Permission.PAYMENT_OPERATE)
        row = _held(transaction_id)
        if row.done_at is not None:
            raise Refusal("done_already", "Everything that follows this payment is done already.")
        row.record("retried", by=Actor.of(by), step=row.step)
        audit.note("post_processing.retry", _number(transaction_id), by=Actor.of(by), after={"step": row.step})
    end_read()
    return post_processing.run(transaction_id)


def _held(transaction_id: int) -> PostProcessing:
    row_id = db.session.scalar(select(PostProcessing.id).where(PostProcessing.transaction_id == transaction_id))
    if row_id is None:
        raise NotFound(f"post-processing of transaction {transaction_id}")
    return lock(PostProcessing, row_id)


def _number(transaction_id: int) -> str:
    query = select(PaymentOrder.number).join(Transaction, Transaction.payment_order_id == PaymentOrder.id)
    return db.session.execute(query.where(Transaction.id == transaction_id)).scalar_one()
