"""A month as a journal for the accounts: from transactions, payouts and their lines; by days of the company's zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from ... import clock
from ...db import read_columns
from ...models import SettlementBatch, SettlementLine, Transaction
from ...money import Money
from ..months import Month, Span
from . import posting
from .posting import Entry, Ledger


@dataclass(frozen=True, slots=True)
class Sum:
    """One account in one currency over the month."""

    account: Ledger
    debit: Money
    credit: Money


def entries(month: Month, zone: str) -> list[Entry]:
    """In the order of days; three statements."""
    span = Span(month, month, zone)
    found = [*_transactions(span), *_lines(span), *_batches(span)]
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


def _batches(span: Span) -> Iterator[Entry]:
    b = SettlementBatch
    query = select(b.created_at, b.net, b.currency, b.provider_id).where(span.holds(b.created_at)).order_by(b.id)
    for row in read_columns(query):
        day = clock.local_date(row.created_at, span.zone)
        yield from posting.of_batch(day, Money(row.net, row.currency), row.provider_id)
