"""What the deposit invoices of an order billed, and what credit notes took back of it: what its final one deducts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, select

from ...db import read_columns
from ...models import CreditNote, Invoice, InvoiceKind
from ...models.deduction import Deduction
from ...money import Money, TaxTotal


def of_order(order_id: int) -> tuple[Deduction, ...]:
    """In the order of the invoices, each before its credit notes; without those that are credited whole."""
    notes = defaultdict(list)
    for note in _credit_notes(order_id):
        notes[note.invoice_id].append(note)
    found: list[Deduction] = []
    for row in _invoices(order_id):
        mine = [*_rates(row, 1), *(x for note in notes[row.id] for x in _rates(note, -1))]
        if sum(x.tax.gross.minor for x in mine):
            found += mine
    return tuple(found)


def _invoices(order_id: int) -> list[Row[Any]]:
    own = Invoice
    query = select(own.id, own.number, own.issued_on, own.currency, own.tax_by_rate)
    mine = (own.order_id == order_id, own.kind == InvoiceKind.DEPOSIT, own.number.is_not(None))
    return list(read_columns(query.where(*mine).order_by(own.id)))


def _credit_notes(order_id: int) -> list[Row[Any]]:
    own = CreditNote
    query = select(own.invoice_id, own.number, own.issued_on, own.currency, own.tax_by_rate)
    return list(read_columns(query.where(own.order_id == order_id).order_by(own.id)))


def _rates(row: Row[Any], sign: int) -> Iterator[Deduction]:
    for t in row.tax_by_rate:
        base, tax = (Money(sign * t[name], row.currency) for name in ("base", "tax"))
        yield Deduction(row.number, row.issued_on, sign < 0, TaxTotal(Decimal(t["rate"]), base, tax))
