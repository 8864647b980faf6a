"""The statement of an account: what it was charged and credited between two days, and what it owes after each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select

from ... import clock
from ...db import read_columns
from ...models import Account, CreditNote, Document, Invoice, Receipt, ReceiptKind, WriteOff
from ...money import CURRENCIES, Money
from ...values import Value
from ..calendar import selling_day
from .ageing import _day

SHOWN = 500
"""As many as a page bears; files have all."""


class Entry(Value):
    """`href` leads to the record on our pages, `trace` to all that hangs together with it."""

    on: date
    what: str
    number: str
    charge: Money
    credit: Money
    balance: Money
    href: str
    trace: str


class Statement(Value):
    account: str
    name: str
    currency: str
    currencies: tuple[str, ...]
    first: date
    last: date
    opening: Money
    entries: tuple[Entry, ...]

    @property
    def closing(self) -> Money:
        return self.entries[-1].balance if self.entries else self.opening

    @property
    def shown(self) -> tuple[Entry, ...]:
        """The newest, for the page."""
        return self.entries[-SHOWN:]

    @property
    def brought(self) -> tuple[int, Money] | None:
        """How many come before those that are shown, and the balance after them."""
        before = self.entries[:-SHOWN]
        return (len(before), before[-1].balance) if before else None

    def url(self, endpoint: str, **changes: Any) -> str:
        asked = {"from": self.first.isoformat(), "to": self.last.isoformat(), "currency": self.currency}
        return url_for(endpoint, account=self.account, **(asked | changes))


def view(account: Account, args: Mapping[str, str], zone: str) -> Statement:
    """This year up to today where the address does not say another thing. Five statements."""
    today = selling_day()
    last = _day(args.get("to", "")) or today
    first = min(_day(args.get("from", "")) or date(last.year, 1, 1), last)
    currencies = _currencies(account)
    asked = args.get("currency", "").upper()
    currency = asked if asked in CURRENCIES else account.currency
    moves = sorted(_moves(account.id, currency, zone), key=lambda m: (m[0], m[1], m[2]))
    nothing = Money.zero(currency)
    balance = opening = Money(sum(move[5] for move in moves if move[0] < first), currency)
    entries = []
    for on, _kind, _id, what, number, minor, href, trace in moves:
        if first <= on <= last:
            amount = Money(minor, currency)
            balance += amount
            charge, credit = (amount, nothing) if minor > 0 else (nothing, -amount)
            entries.append(Entry(on, what, number, charge, credit, balance, href, trace))
    return Statement(
        account.number,
        account.name,
        currency,
        tuple(sorted({currency, account.currency, *currencies})),
        first,
        last,
        opening,
        tuple(entries),
    )


def _currencies(account: Account) -> list[str]:
    query = select(Invoice.currency).where(Invoice.account_id == account.id)
    return [r[0] for r in read_columns(query.union(select(Receipt.currency).where(Receipt.account_id == account.id)))]


Move = tuple[date, int, int, str, str, int, str, str]
"""Day, order within a day, id, in words, number, what it adds to the balance, address, address of its trace."""


def _moves(account_id: int, currency: str, zone: str) -> Iterator[Move]:
    def mine(model: Any, *columns: Any) -> Any:
        query = select(model.id, *columns).where(model.account_id == account_id, model.currency == currency)
        if model in (CreditNote, WriteOff):
            query = query.join(Invoice, Invoice.id == model.invoice_id)
        return read_columns(query)

    invoice = Invoice.number.label("invoice")
    for r in mine(Invoice, invoice, Invoice.issued_on, Invoice.gross):
        if r.invoice is not None:
            yield r.issued_on, 0, r.id, _("Invoice"), r.invoice, r.gross, *_of_invoice(r.invoice)
    for r in mine(CreditNote, CreditNote.number, CreditNote.issued_on, CreditNote.gross, invoice):
        href, (_home, trace) = url_for("receivables.credit_note", credit_note=r.number), _of_invoice(r.invoice)
        yield r.issued_on, 1, r.id, _("Credit note"), r.number, -r.gross, href, trace
    for r in mine(WriteOff, WriteOff.at, WriteOff.amount, invoice):
        what = _("Written off") if r.amount > 0 else _("Write-off taken back")
        yield clock.local_date(r.at, zone), 1, r.id, what, r.invoice, -r.amount, *_of_invoice(r.invoice)
    names = ("number", "received_on", "at", "amount", "kind", "reversal", "parent_id", "dispute_id")
    for r in mine(Receipt, *(getattr(Receipt, name) for name in names)):
        on = r.received_on or clock.local_date(r.at, zone)
        href = url_for("receivables.receipt", receipt=r.number)
        yield on, 2, r.id, _what(r), r.number, -r.amount, href, url_for("trace.receipt", number=r.number)


def _of_invoice(number: str) -> tuple[str, str]:
    return url_for("invoices.show", number=number), url_for("trace.invoice", number=number)


def _what(row: Any) -> str:
    if row.reversal:
        return _("Payment reversed")
    if row.dispute_id is not None:
        return _("Won back from a dispute") if row.amount > 0 else _("Lost to a dispute")
    if row.amount > 0:
        if row.parent_id is None:
            return _("Payment received")
        return _("Refund came back") if row.kind is ReceiptKind.GATEWAY else _("Pay-out came back")
    return _("Refund") if row.kind is ReceiptKind.GATEWAY else _("Paid out")


class Paper(Value):
    """The newest PDF of a statement; `state` is none, rendering, failed or ready."""

    state: str
    name: str = ""
    href: str | None = None


def paper(account: Account) -> Paper:
    row = read_columns(
        select(Document.id, Document.filename, Document.rendered_at, Document.error)
        .where(Document.kind == "statement", Document.subject_id == account.id)
        .order_by(Document.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return Paper("none")
    if row.rendered_at is None:
        return Paper("failed" if row.error else "rendering", row.filename)
    return Paper("ready", row.filename, url_for("documents.show", document_id=row.id, filename=row.filename))
