"""Rules 2, 5 and 6 of receivables: credit notes, money that was applied, and money that came offline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import aliased

from ...db import db
from ...models import Allocation, CreditNote, CreditNoteLine, Invoice, PostProcessing, Receipt, ReceiptKind
from ..receivables import figures
from .asking import MOST, found

_Root = aliased(Receipt)


def credit_notes_apart(grace: timedelta) -> list[str]:
    """Lines and rates add up to the note, and all notes of an invoice are no more than it."""
    lines = (
        select(CreditNoteLine.credit_note_id, func.sum(CreditNoteLine.amount).label("amount"))
        .group_by(CreditNoteLine.credit_note_id)
        .subquery()
    )
    expected = case((CreditNote.prices_include_tax, CreditNote.gross), else_=CreditNote.net)
    amount = func.coalesce(lines.c.amount, 0)
    rows = found(
        select(CreditNote.number, expected.label("expected"), amount.label("amount"))
        .outerjoin(lines, lines.c.credit_note_id == CreditNote.id)
        .where(or_(amount != expected, CreditNote.gross != CreditNote.net + CreditNote.tax))
    )
    complaints = [f"the lines of {r.number} come to {r.amount}, the credit note to {r.expected}" for r in rows]
    columns = select(CreditNote.number, CreditNote.net, CreditNote.tax, CreditNote.tax_by_rate)
    for row in db.session.execute(columns.execution_options(yield_per=1000)):
        sums = sum(x["base"] for x in row.tax_by_rate), sum(x["tax"] for x in row.tax_by_rate)
        if sums != (row.net, row.tax) and len(complaints) < MOST:
            complaints.append(f"{row.number} says {row.net} net and {row.tax} tax, its rates {sums[0]} and {sums[1]}")
    return complaints


def over_settled(grace: timedelta) -> list[str]:
    """Paid, credited and written off together are no more than the invoice."""
    allocated, credited, written_off = figures.columns()
    rows = found(select(Invoice.number, Invoice.gross, allocated, credited, written_off).where(figures.due() < 0))
    return [
        f"{r.number} is over {r.gross}, and {r.allocated} are paid, {r.credited} credited, {r.written_off} written off"
        for r in rows
    ]


def pots_apart(grace: timedelta) -> list[str]:
    """Money that left pays nothing any more, and no money pays an invoice less than nothing."""
    root = func.coalesce(Receipt.parent_id, Receipt.id).label("root")
    came = select(root, func.sum(Receipt.amount).label("amount")).group_by(root).subquery()
    used = _used(root)
    spent = found(
        select(Receipt.number, came.c.amount, used.c.used)
        .join(came, came.c.root == Receipt.id)
        .join(used, used.c.root == Receipt.id)
        .where(used.c.used > case((came.c.amount > 0, came.c.amount), else_=0))
    )
    per_invoice = _used(root, Allocation.invoice_id)
    below = found(
        select(Receipt.number, Invoice.number.label("invoice"), per_invoice.c.used)
        .join(per_invoice, per_invoice.c.root == Receipt.id)
        .join(Invoice, Invoice.id == per_invoice.c.invoice_id)
        .where(per_invoice.c.used < 0)
    )
    return [
        *(f"of the money of {r.number} {r.amount} is here, and {r.used} pay invoices" for r in spent),
        *(f"the money of {r.number} pays {r.used} of {r.invoice}" for r in below),
    ]


def _used(root: Any, *by: Any) -> Any:
    query = select(root, *by, func.sum(Allocation.amount).label("used"))
    return query.join(Receipt, Receipt.id == Allocation.receipt_id).group_by(root, *by).subquery()


def offline_apart(grace: timedelta) -> list[str]:
    """What left names where it came from, in the same account and currency; a reversal takes all of it back; what came
    offline says who recorded it, and what follows it is known."""
    strange = found(
        select(Receipt.number)
        .outerjoin(_Root, _Root.id == Receipt.parent_id)
        .where(
            or_(
                (Receipt.amount < 0) & Receipt.parent_id.is_(None),
                _Root.parent_id.is_not(None),
                _Root.account_id != Receipt.account_id,
                _Root.currency != Receipt.currency,
                Receipt.reversal & (_Root.amount != -Receipt.amount),
            )
        )
    )
    unknown = found(
        select(Receipt.number)
        .outerjoin(PostProcessing, PostProcessing.receipt_id == Receipt.id)
        .where(
            Receipt.kind != ReceiptKind.GATEWAY,
            or_(Receipt.recorded_by_id.is_(None), Receipt.parent_id.is_(None) & PostProcessing.id.is_(None)),
        )
    )
    unproven = found(
        select(Receipt.number).where(
            Receipt.kind == ReceiptKind.GATEWAY,
            Receipt.transaction_id.is_(None),
            Receipt.dispute_id.is_(None),
            Receipt.amount > 0,
        )
    )
    return [
        *(f"receipt {r.number} is not of the money that it takes back" for r in strange),
        *(f"nobody recorded receipt {r.number}, or nothing follows it" for r in unknown),
        *(f"receipt {r.number} says that a gateway took money, and names no transaction" for r in unproven),
    ]
