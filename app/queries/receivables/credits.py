"""Credit notes as a list and as a page; of an invoice what was written off, and what of its lines can be credited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import url_for
from sqlalchemy import Row, func, select
from sqlalchemy.orm import aliased

from ...db import read_columns
from ...errors import NotFound
from ...models import (
    Account,
    CreditNote,
    CreditNoteLine,
    CreditReason,
    Document,
    Invoice,
    InvoiceLine,
    User,
    WriteOff,
)
from ...money import Money
from ...values import Value
from ..invoices import electronic, owners

PAGE = 50


class CreditLine(Value):
    """`left` of the line is billed here and not credited yet, priced as the invoice is."""

    line_id: int
    description: str
    sku: str
    tax_rate: Decimal
    amount: Money
    left: Money


class CreditRow(Value):
    id: int
    number: str
    invoice: str
    account: str
    name: str
    reason: CreditReason
    issued_on: date
    gross: Money
    received: Money


class CreditList(Value):
    rows: tuple[CreditRow, ...]
    previous: str | None
    next: str | None


class CreditPage(Value):
    """`paper` is its PDF's address, none while that is being made."""

    number: str
    invoice: str
    name: str
    reason: CreditReason
    note: str
    issued_on: date
    issued_by: str
    lines: tuple[tuple[str, str, Decimal, Money], ...]
    taxes: tuple[tuple[Decimal, Money, Money], ...]
    net: Money
    gross: Money
    received: Money
    paper: str | None
    not_data_because: tuple[str, ...]


def lines(invoice_id: int) -> tuple[CreditLine, ...]:
    done = (
        select(CreditNoteLine.invoice_line_id, func.sum(CreditNoteLine.amount).label("amount"))
        .group_by(CreditNoteLine.invoice_line_id)
        .subquery()
    )
    line = InvoiceLine
    rows = read_columns(
        select(
            line.id,
            line.description,
            line.sku,
            line.tax_rate,
            line.amount,
            Invoice.currency,
            Invoice.tax_by_rate,
            Invoice.prices_include_tax,
            func.coalesce(done.c.amount, 0).label("done"),
        )
        .join(Invoice, Invoice.id == line.invoice_id)
        .outerjoin(done, done.c.invoice_line_id == line.id)
        .where(line.invoice_id == invoice_id)
        .order_by(line.position)
    )
    return _credit_lines(rows.all())


def _credit_lines(rows: Sequence[Row[Any]]) -> tuple[CreditLine, ...]:
    if not rows:
        return ()
    first, done = rows[0], [(r.tax_rate, int(r.done)) for r in rows]
    most = rates_left(first.tax_by_rate, done, included=first.prices_include_tax)
    return tuple(
        CreditLine(
            r.id,
            r.description,
            r.sku,
            r.tax_rate,
            Money(r.amount, r.currency),
            Money(max(min(r.amount - int(r.done), most[r.tax_rate]), 0), r.currency),
        )
        for r in rows
    )


def rates_left(
    tax_by_rate: Iterable[dict[str, Any]], done: Iterable[tuple[Decimal, int]], *, included: bool
) -> dict[Decimal, int]:
    """Minor units of each tax rate of an invoice that are not credited yet, priced as its lines are; `done` is what was
    credited of each line, by its rate."""
    left = {Decimal(t["rate"]): t["base"] + (t["tax"] if included else 0) for t in tax_by_rate}
    for rate, minor in done:
        left[rate] = left.get(rate, 0) - minor
    return {rate: max(minor, 0) for rate, minor in left.items()}


def listing(*, before: int | None = None, after: int | None = None) -> CreditList:
    """Newest first; one statement."""
    note = CreditNote
    query: Any = (
        select(
            note.id,
            note.number,
            note.reason,
            note.issued_on,
            note.gross,
            note.received,
            note.currency,
            Invoice.number.label("invoice"),
            Account.number.label("account"),
            Account.name,
        )
        .join(Invoice, Invoice.id == note.invoice_id)
        .join(Account, Account.id == note.account_id)
    )
    if before is not None:
        query = query.where(note.id < before)
    if after is not None:
        query = query.where(note.id > after)
    backwards = after is not None
    found = list(read_columns(query.order_by(note.id.asc() if backwards else note.id.desc()).limit(PAGE + 1)))
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    older, newer = (backwards or more), (more if backwards else before is not None)
    here = "receivables.credit_note_list"
    return CreditList(
        tuple(_row(r) for r in found),
        url_for(here, after=found[0].id) if found and newer else None,
        url_for(here, before=found[-1].id) if found and older else None,
    )


def _row(r: Any) -> CreditRow:
    gross, received = Money(r.gross, r.currency), Money(r.received, r.currency)
    return CreditRow(r.id, r.number, r.invoice, r.account, r.name, r.reason, r.issued_on, gross, received)


def of_invoice(invoice_id: int) -> tuple[tuple[str, date, Money], ...]:
    query = select(CreditNote.number, CreditNote.issued_on, CreditNote.gross, CreditNote.currency)
    rows = read_columns(query.where(CreditNote.invoice_id == invoice_id).order_by(CreditNote.id))
    return tuple((r.number, r.issued_on, Money(r.gross, r.currency)) for r in rows)


class WrittenOff(Value):
    """`amount` is below zero where one was taken back; `open` may still be."""

    id: int
    on: datetime
    amount: Money
    reason: str
    by: str
    open: bool


def written_off(invoice_id: int) -> tuple[WrittenOff, ...]:
    w, back = WriteOff, aliased(WriteOff)
    query = select(w.id, w.at, w.amount, w.currency, w.reason, w.written_off_by, back.id.label("back"))
    rows = read_columns(
        query.outerjoin(back, back.reverses_id == w.id).where(w.invoice_id == invoice_id).order_by(w.id)
    )
    return tuple(
        WrittenOff(r.id, r.at, Money(r.amount, r.currency), r.reason, r.written_off_by, r.amount > 0 and r.back is None)
        for r in rows
    )


def view(number: str, reader: User) -> CreditPage:
    """Raises NotFound, for those of others as well. Three statements."""
    query = select(*CreditNote.__table__.columns, Invoice.number.label("invoice")).join(
        Invoice, Invoice.id == CreditNote.invoice_id
    )
    row = read_columns(owners.joined(query).where(CreditNote.number == number, owners.seen_by(reader))).one_or_none()
    if row is None:
        raise NotFound(f"credit note {number}")
    currency, line = row.currency, CreditNoteLine
    columns = (line.description, line.sku, line.tax_rate, line.amount)
    found = read_columns(select(*columns).where(line.credit_note_id == row.id).order_by(line.position))
    return CreditPage(
        number=row.number,
        invoice=row.invoice,
        name=row.billing.get("name", ""),
        reason=row.reason,
        note=row.note,
        issued_on=row.issued_on,
        issued_by=row.issued_by,
        lines=tuple((r.description, r.sku, r.tax_rate, Money(r.amount, currency)) for r in found),
        taxes=tuple(
            (Decimal(t["rate"]), Money(t["base"], currency), Money(t["tax"], currency)) for t in row.tax_by_rate
        ),
        net=Money(row.net, currency),
        gross=Money(row.gross, currency),
        received=Money(row.received, currency),
        paper=_paper(row.id),
        not_data_because=electronic.why_not(row.billing, currency),
    )


def _paper(credit_note_id: int) -> str | None:
    row = read_columns(
        select(Document.id, Document.filename)
        .where(Document.kind == "credit_note", Document.subject_id == credit_note_id, Document.rendered_at.is_not(None))
        .order_by(Document.id.desc())
        .limit(1)
    ).one_or_none()
    return url_for("documents.show", document_id=row.id, filename=row.filename) if row else None
