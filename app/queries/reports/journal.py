"""A month as a journal for the accounts: from transactions, payouts and their lines, invoices, credit notes
and receipts; by days of the company's zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from ... import clock
from ...db import read_columns
from ...models import (
    CreditNote,
    Invoice,
    Receipt,
    ReceiptKind,
    SettlementBatch,
    SettlementLine,
    Transaction,
    WriteOff,
)
from ...money import Money
from ...values import Value
from ..months import Month, Span
from . import posting
from .posting import Entry, Ledger


class Sum(Value):
    """One account in one currency over the month."""

    account: Ledger
    debit: Money
    credit: Money


def entries(month: Month, zone: str) -> list[Entry]:
    """In the order of days; seven statements."""
    span = Span(month, month, zone)
    found = [*_transactions(span), *_lines(span), *_batches(span), *_papers(span), *_write_offs(span), *_receipts(span)]
    return sorted(found, key=lambda e: e.day)


def sums(found: Iterable[Entry]) -> dict[str, tuple[Sum, ...]]:
    """By currency, in the order of the accounts."""
    totals: dict[tuple[str, Ledger], list[int]] = {}
    for entry in found:
        total = totals.setdefault((entry.debit.currency, entry.account), [0, 0])
        total[0] += entry.debit.minor
        total[1] += entry.credit.minor
    result: dict[str, tuple[Sum, ...]] = {}
    for currency in sorted({code for code, _ in totals}):
        own = [a for a in Ledger if (currency, a) in totals]
        result[currency] = tuple(Sum(a, *(Money(minor, currency) for minor in totals[currency, a])) for a in own)
    return result


def _transactions(span: Span) -> Iterator[Entry]:
    t = Transaction
    query = select(t.action, t.amount, t.currency, t.provider_id, t.at).where(span.holds(t.at)).order_by(t.id)
    for row in read_columns(query):
        amount, day = Money(row.amount, row.currency), clock.local_date(row.at, span.zone)
        yield from posting.of_transaction(day, row.action, amount, row.provider_id)


def _lines(span: Span) -> Iterator[Entry]:
    """A line is posted when it happened, though its payout comes later."""
    sent_back = aliased(SettlementBatch)
    line = SettlementLine
    query: Any = (
        select(*line.__table__.columns, sent_back.id.label("sent_back"))
        .outerjoin(sent_back, (sent_back.provider_id == line.source_id) & (sent_back.gateway_id == line.gateway_id))
        .where(span.holds(line.at))
        .order_by(line.id)
    )
    for row in read_columns(query):
        presented = Money(row.presented, row.presented_currency) if row.presented is not None else None
        gross, fee = Money(row.gross, row.currency), Money(row.fee, row.currency)
        day, back = clock.local_date(row.at, span.zone), row.sent_back is not None
        reference = row.source_id or row.provider_id
        yield from posting.of_line(day, row.kind, gross, fee, reference, presented=presented, of_payout=back)


def _papers(span: Span) -> Iterator[Entry]:
    """Invoices, and credit notes, which are invoices below zero."""
    for model, sign in ((Invoice, 1), (CreditNote, -1)):
        m: Any = model
        query = select(m.number, m.issued_on, m.net, m.tax, m.currency).where(
            m.number.is_not(None), m.issued_on >= span.first.first, m.issued_on < span.last.plus(1).first
        )
        for row in read_columns(query.order_by(m.id)):
            net, tax = Money(sign * row.net, row.currency), Money(sign * row.tax, row.currency)
            yield from posting.of_invoice(row.issued_on, net, tax, row.number)


def _write_offs(span: Span) -> Iterator[Entry]:
    w = WriteOff
    query = select(w.at, w.amount, w.currency, Invoice.number).join(Invoice, Invoice.id == w.invoice_id)
    for row in read_columns(query.where(span.holds(w.at)).order_by(w.id)):
        day = clock.local_date(row.at, span.zone)
        yield from posting.of_write_off(day, Money(row.amount, row.currency), row.number)


def _receipts(span: Span) -> Iterator[Entry]:
    """Offline money on the day it was received; of gateways only what left again, since what came is posted from the
    transaction."""
    r = Receipt
    received = (r.received_on >= span.first.first) & (r.received_on < span.last.plus(1).first)
    given_back = r.received_on.is_(None) & r.parent_id.is_not(None) & span.holds(r.at)
    columns = (r.number, r.kind, r.amount, r.currency, r.received_on, r.at, r.dispute_id)
    for row in read_columns(select(*columns).where(received | given_back).order_by(r.id)):
        amount = Money(row.amount, row.currency)
        if row.kind is not ReceiptKind.GATEWAY:
            yield from posting.of_offline(row.received_on, amount, row.number)
        else:
            day = clock.local_date(row.at, span.zone)
            yield from posting.of_given_back(day, amount, row.number, by_bank=row.dispute_id is not None)


def _batches(span: Span) -> Iterator[Entry]:
    b = SettlementBatch
    query = select(b.created_at, b.net, b.currency, b.provider_id).where(span.holds(b.created_at)).order_by(b.id)
    for row in read_columns(query):
        day = clock.local_date(row.created_at, span.zone)
        yield from posting.of_batch(day, Money(row.net, row.currency), row.provider_id)
