"""Money that leaves the pot it came in: a negative receipt, and invoices that are owed again.

What was never applied to an invoice goes first, then what paid the newest one. Inside the caller's transaction, with
the account locked.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import func, select

from ... import clock
from ...db import db, get
from ...errors import Refusal
from ...formatting import day as written
from ...models import Actor, Allocation, Company, Invoice, Receipt
from ...queries.receivables import figures
from ..agreements import outcomes
from ..post import papers
from . import invoices, receipts


def check_day(root: Receipt, on: date) -> None:
    """Raises Refusal: `day_ahead`, `day_before`."""
    if on > clock.today(get(Company, 1).time_zone):
        raise Refusal("day_ahead", "This day is still to come.", status=422)
    if root.received_on is not None and on < root.received_on:
        raise Refusal(
            "day_before",
            "%(number)s came on %(day)s; its money cannot have left before.",
            status=422,
            number=root.number,
            day=written(root.received_on),
        )


def take(root: Receipt, amount: int, event: str, *, by: Actor, **facts: Any) -> Receipt:
    """The receipt of `amount` minor units that left; `facts` are its other columns. The `event` is what it is to an
    agreement whose period it had paid."""
    found = shares(root, amount)
    row = receipts.write(
        by=by,
        account_id=root.account_id,
        payment_order_id=root.payment_order_id,
        parent_id=root.id,
        amount=-amount,
        currency=root.currency,
        **facts,
    )
    for invoice_id, back in found.items():
        _owed_again(row, get(Invoice, invoice_id), back, by=by)
    outcomes.money_moved(row, event, by=by, taken=found)
    return row


def shares(root: Receipt, amount: int) -> dict[int, int]:
    """Minor units of `amount` that would come from each invoice if it left now, newest first."""
    held, short = figures.applied(root.id), amount - max(figures.unapplied(root.id), 0)
    found = {}
    for invoice_id in sorted(held, reverse=True):
        back = min(held[invoice_id], short)
        if back > 0:
            found[invoice_id] = back
            short -= back
    return found


def taken_by(*rows: Receipt) -> dict[int, int]:
    """Minor units that receipts of money that left took from each invoice, less what came back to it."""
    mine = Allocation.receipt_id.in_([row.id for row in rows])
    query = select(Allocation.invoice_id, -func.sum(Allocation.amount)).where(mine).group_by(Allocation.invoice_id)
    return {invoice_id: int(amount) for invoice_id, amount in db.session.execute(query) if amount > 0}


def _owed_again(row: Receipt, invoice: Invoice, amount: int, *, by: Actor) -> None:
    receipts.take_off(row, invoice, amount, by=by)
    invoices.settle(invoice, by=by, receipt=row.number, amount=-amount, currency=row.currency)
    papers.invoice(invoice)
