"""One invoice: what it bills, its tax, what has been paid of it by which receipt, and its paper."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import url_for
from sqlalchemy import func, select

from ...db import db
from ...documents.lines import read_taxes
from ...errors import NotFound
from ...models import (
    Account,
    Allocation,
    Document,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    OrderEmail,
    PaymentOrder,
    Receipt,
    SalesOrder,
    User,
)
from ...models import Transaction as Evidence
from ...models.deduction import Deduction
from ...models.deduction import read as read_deductions
from ...money import Money, Totals, together
from ...values import Value
from ..receivables import credits, figures
from ..receivables.credits import WrittenOff
from . import electronic, owners, reminders
from .listing import shown_status


class Line(Value):
    sku: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    discount_percent: Decimal
    tax_rate: Decimal
    amount: Money


class Paid(Value):
    """So much of a receipt went to this invoice; `of` is the whole receipt."""

    receipt: str
    at: datetime
    paid_with: str
    payment_order: str | None
    reference: str
    amount: Money
    of: Money
    paper: str | None


class Paper(Value):
    """`state` is none, rendering, failed or ready; the addresses are there when it is ready. `is_data`: it carries the
    invoice as data, too."""

    state: str
    preview: str | None = None
    save: str | None = None
    is_data: bool = False


class Sent(Value):
    """A mail that carried it, and how that went."""

    status: str
    at: datetime
    to: str


class InvoiceView(Value):
    """`balance` is what is due; `whole` is what the lines come to before `deductions`; `deducted_by` is the final
    invoice that deducts a deposit; `credits` are its credit notes: number, day, amount; `not_data_because` says what an
    electronic invoice would need that is not there, while they are on."""

    id: int
    account_id: int
    number: str
    status: str
    kind: str
    customer: str
    account: str
    billed_to: tuple[str, ...]
    tax_id: str
    order: str | None
    order_url: str | None
    issued_on: date | None
    supply_date: date | None
    due_date: date | None
    prices_include_tax: bool
    lines: tuple[Line, ...]
    whole: Totals
    deductions: tuple[Deduction, ...]
    deducted_by: str | None
    billed: Totals
    gross: Money
    paid: Money
    credited: Money
    written_off: Money
    balance: Money
    credits: tuple[tuple[str, date, Money], ...]
    write_offs: tuple[WrittenOff, ...]
    payments: tuple[Paid, ...]
    paper: Paper
    not_data_because: tuple[str, ...]
    sent: tuple[Sent, ...]
    reminders: reminders.Reminders


def view(number: str, reader: User, today: date) -> InvoiceView:
    """Twelve statements at most, and settings, however many lines. Raises NotFound, also for
    invoices of others' orders."""
    row = _head(number, reader)
    currency = row.currency
    papers = _papers(row.id)
    payments = _payments(row.id, currency)
    standing = figures.of_row(row)
    taxes, deductions = read_taxes(row.tax_by_rate, currency), read_deductions(row.deductions, currency)
    return InvoiceView(
        id=row.id,
        account_id=row.account_id,
        number=row.number,
        status=shown_status(row.status, row.due_date, today),
        kind=row.kind.value,
        customer=row.billing.get("name", row.customer),
        account=row.account,
        billed_to=tuple(row.billing.get("address", ())),
        tax_id=row.billing.get("tax_id", ""),
        order=row.order,
        order_url=url_for("orders.show", number=row.order) if row.order else None,
        issued_on=row.issued_on,
        supply_date=row.supply_date,
        due_date=row.due_date,
        prices_include_tax=row.prices_include_tax,
        lines=_lines(row.id, currency),
        whole=together((*taxes, *(x.tax for x in deductions)), currency),
        deductions=deductions,
        deducted_by=_final(row) if row.kind is InvoiceKind.DEPOSIT else None,
        billed=together(taxes, currency),
        gross=Money(row.gross, currency),
        paid=Money(standing.allocated, currency),
        credited=Money(standing.credited, currency),
        written_off=Money(standing.written_off, currency),
        balance=Money(standing.due, currency),
        credits=credits.of_invoice(row.id),
        write_offs=credits.written_off(row.id),
        payments=payments,
        paper=papers,
        not_data_because=electronic.why_not(row.billing, currency),
        sent=_sent(row.id),
        reminders=reminders.view(row.id, row.status, row.issued_on, row.due_date, today),
    )


def _head(number: str, reader: User) -> Any:
    query = select(
        *(c for c in Invoice.__table__.columns if c.key not in ("order_id", "created_at")),
        *figures.columns(),
        Account.name.label("customer"),
        Account.number.label("account"),
        SalesOrder.number.label("order"),
    ).join(Account, Account.id == Invoice.account_id)
    row = db.session.execute(owners.joined(query).where(Invoice.number == number, owners.seen_by(reader))).one_or_none()
    if row is None:
        raise NotFound(f"invoice {number}")
    return row


def _final(row: Any) -> str | None:
    finals = select(Invoice.number, Invoice.deductions).join(SalesOrder, SalesOrder.id == Invoice.order_id)
    found = db.session.execute(finals.where(SalesOrder.number == row.order, Invoice.kind == InvoiceKind.FINAL))
    return next((x.number for x in found if row.number in {each["number"] for each in x.deductions}), None)


def _lines(invoice_id: int, currency: str) -> tuple[Line, ...]:
    L = InvoiceLine
    columns = (L.sku, L.description, L.quantity, L.unit_price, L.discount_percent, L.tax_rate, L.amount)
    rows = db.session.execute(select(*columns).where(L.invoice_id == invoice_id).order_by(L.position))
    return tuple(Line(*row[:-1], Money(row.amount, currency)) for row in rows)


def _payments(invoice_id: int, currency: str) -> tuple[Paid, ...]:
    papers = (
        select(Document.subject_id, Document.id, Document.filename)
        .where(Document.kind == "receipt", Document.rendered_at.is_not(None))
        .subquery()
    )
    given = (
        select(Allocation.receipt_id, func.sum(Allocation.amount).label("amount"))
        .where(Allocation.invoice_id == invoice_id)
        .group_by(Allocation.receipt_id)
        .having(func.sum(Allocation.amount) != 0)
        .subquery()
    )
    query = (
        select(
            Receipt.number,
            Receipt.reference.label("own_reference"),
            Receipt.at,
            Receipt.paid_with,
            PaymentOrder.number.label("payment_order"),
            Evidence.reference,
            Evidence.provider_id,
            given.c.amount,
            Receipt.amount.label("whole"),
            papers.c.id.label("paper_id"),
            papers.c.filename,
        )
        .join(given, given.c.receipt_id == Receipt.id)
        .outerjoin(PaymentOrder, PaymentOrder.id == Receipt.payment_order_id)
        .outerjoin(Evidence, Evidence.id == Receipt.transaction_id)
        .outerjoin(papers, papers.c.subject_id == Receipt.id)
        .order_by(Receipt.id, papers.c.id.desc())
    )
    newest = {row.number: row for row in reversed(db.session.execute(query).all())}
    return tuple(_paid(row, currency) for row in reversed(newest.values()))


def _paid(row: Any, currency: str) -> Paid:
    return Paid(
        receipt=row.number,
        at=row.at,
        paid_with=row.paid_with,
        payment_order=row.payment_order,
        reference=row.reference or row.provider_id or row.own_reference,
        amount=Money(int(row.amount), currency),
        of=Money(row.whole, currency),
        paper=_address(row.paper_id, row.filename) if row.paper_id else None,
    )


def _papers(invoice_id: int) -> Paper:
    """The newest paper of the invoice: what is paid of it stands on it, so there may be several."""
    row = db.session.execute(
        select(Document.id, Document.filename, Document.rendered_at, Document.error, Document.data)
        .where(Document.kind == "invoice", Document.subject_id == invoice_id)
        .order_by(Document.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return Paper("none")
    if row.rendered_at is None:
        return Paper("failed" if row.error else "rendering")
    address = _address(row.id, row.filename)
    return Paper("ready", address, f"{address}?save", "electronic" in row.data)


def _sent(invoice_id: int) -> tuple[Sent, ...]:
    M = OrderEmail
    rows = db.session.execute(
        select(M.status, M.sent_at, M.created_at, M.recipients)
        .where(M.kind == "invoice", M.subject_kind == "invoice", M.subject_id == invoice_id)
        .order_by(M.id.desc())
        .limit(20)
    )
    return tuple(Sent(r.status, r.sent_at or r.created_at, ", ".join(p["address"] for p in r.recipients)) for r in rows)


def _address(document_id: int, filename: str) -> str:
    return url_for("documents.show", document_id=document_id, filename=filename)
