"""What the steps after many captures will ask for, looked up for all of them beforehand.

Nothing here decides anything: a step that asks for something else asks the database itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from ... import numbering, settings
from ...ahead import number_ahead
from ...db import db, get, know, lock_all
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


@contextmanager
def of_captures(transaction_ids: Ids) -> Iterator[None]:
    """Their rows are held in the house's order, those that lead to an order apart, which the steps hold themselves.
    What any step reads is read before the first of them adds something, as every later read would write that out."""
    found = [get(Transaction, id) for id in transaction_ids]
    orders = _orders([row.payment_order_id for row in found])
    know(select(Attempt).where(Attempt.id.in_([row.attempt_id for row in found])))
    know(select(PaymentIntent).where(PaymentIntent.payment_order_id.in_([row.id for row in orders])))
    _bills([row.invoice_id for row in orders if row.invoice_id is not None])
    receipts.foresee([row.id for row in orders])
    get(Company, 1)
    settings.fresh(settings.FIRST_PAYMENT_DEFAULTS)
    number_ahead(Receipt, Document, OrderEmail, StagedJob)
    new = sum(not receipts.of(row.payment_order_id) for row in found)
    with numbering.ahead("receipt", new):
        yield


def _orders(ids: Ids) -> list[PaymentOrder]:
    accounts = select(PaymentOrder.account_id).where(PaymentOrder.id.in_(ids))
    held = lock_all(Account, db.session.scalars(accounts).all())
    know(select(Address).where(Address.id.in_([row.billing_address_id for row in held])))
    know(select(Contact).where(Contact.account_id.in_([row.id for row in held])))
    return lock_all(PaymentOrder, ids)


def _bills(ids: Ids) -> None:
    know(select(Invoice).where(Invoice.id.in_(ids)).options(selectinload(Invoice.lines)))
    receipts.foresee_standing(ids)
    agreement_outcomes.foresee(ids)
