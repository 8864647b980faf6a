"""Money that leaves the pot it came in: a negative receipt, and invoices that are owed again.

What was never applied to an invoice goes first, then what paid the newest one. Inside the caller's transaction, with
the account locked.
"""

from __future__ import annotations

from typing import Any

from ...db import get
from ...models import Actor, Invoice, Receipt
from ...queries.receivables import figures
from ..post import papers
from . import invoices, receipts


def take(root: Receipt, amount: int, *, by: Actor, **facts: Any) -> Receipt:
    """The receipt of `amount` minor units that left; `facts` are its other columns."""
    held, free = figures.applied(root.id), figures.unapplied(root.id)
    row = receipts.write(
        by=by,
        account_id=root.account_id,
        payment_order_id=root.payment_order_id,
        parent_id=root.id,
        amount=-amount,
        currency=root.currency,
        **facts,
    )
    short = amount - max(free, 0)
    for invoice_id in sorted(held, reverse=True):
        back = min(held[invoice_id], short)
        if back > 0:
            _owed_again(row, get(Invoice, invoice_id), back, by=by)
            short -= back
    return row


def _owed_again(row: Receipt, invoice: Invoice, amount: int, *, by: Actor) -> None:
    receipts.take_off(row, invoice, amount, by=by)
    invoices.settle(invoice, by=by, receipt=row.number, amount=-amount, currency=row.currency)
    papers.invoice(invoice)
