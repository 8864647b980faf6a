"""What the steps after many captures will ask for, looked up for all of them beforehand.

Nothing here decides anything: a step that asks for something else asks the database itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import bindparam, select
from sqlalchemy.orm import selectinload

from ... import numbering, settings
from ...ahead import number_ahead
from ...db import get, know_by, lock_all, read_columns
from ...models import (
    Account,
    Address,
    Attempt,
    Company,
    Contact,
    Document,
    Invoice,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    Receipt,
    StagedJob,
    Transaction,
)
from ..agreements import outcomes as agreement_outcomes
from ..receivables import receipts

Ids = Sequence[int]
ACCOUNTS = select(PaymentOrder.account_id).where(PaymentOrder.id.in_(bindparam("ids_", expanding=True)))


@contextmanager
def of_captures(transaction_ids: Ids) -> Iterator[None]:
    """Their rows are held in the house's order, those that lead to an order apart, which the steps hold themselves.
    What any step reads is read before the first of them adds something, as every later read would write that out."""
    found = [get(Transaction, id) for id in transaction_ids]
    orders = _orders([row.payment_order_id for row in found])
    know_by(Attempt.id, [row.attempt_id for row in found])
    know_by(PaymentIntent.payment_order_id, [row.id for row in orders])
    _bills([row.invoice_id for row in orders if row.invoice_id is not None])
    receipts.foresee([row.id for row in orders])
    get(Company, 1)
    settings.fresh(settings.FIRST_PAYMENT_DEFAULTS)
    number_ahead(Receipt, Document, OrderEmail, StagedJob)
    new = sum(not receipts.of(row.payment_order_id) for row in found)
    with numbering.ahead("receipt", new):
        yield


def _orders(ids: Ids) -> list[PaymentOrder]:
    held = lock_all(Account, read_columns(ACCOUNTS, ids_=list(ids)).scalars().all())
    know_by(Address.id, [row.billing_address_id for row in held])
    know_by(Contact.account_id, [row.id for row in held])
    return lock_all(PaymentOrder, ids)


def _bills(ids: Ids) -> None:
    know_by(Invoice.id, ids, selectinload(Invoice.lines))
    receipts.foresee_standing(ids)
    agreement_outcomes.foresee(ids)
