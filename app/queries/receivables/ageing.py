"""Open invoices by how long they are due, on a day: sums by account and currency, and the invoices one by one.

What was open on an earlier day goes by the day that money was received, as journal and statements do, though it was
recorded later: what was done with it within a day of its being recorded counts from the day it came. What is open less
what was unapplied then is what statements and journal say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from flask import url_for
from sqlalchemy import BigInteger, ColumnElement, case, cast, func, literal, select, true, tuple_, union_all

from ... import clock
from ...db import read_columns
from ...models import Account, Allocation, CreditNote, Invoice, Receipt, WriteOff
from ...money import CURRENCIES, Money
from ...states.invoice import OPEN
from ...values import Value
from ..calendar import selling_day, within_a_day

PAGE = 50
BUCKETS = ("current", "1-30", "31-60", "61-90", "90+")
"""Days after the due date; what is not due yet is current."""


class Asked(Value):
    """What the address asks for; unknown values ask for nothing. `zone` tells where a day ends."""

    as_of: date
    zone: str
    account: str = ""
    currency: str = ""
    bucket: str = ""

    @classmethod
    def read(cls, args: Mapping[str, str], zone: str) -> Asked:
        today = selling_day()
        currency, bucket = args.get("currency", "").upper(), args.get("bucket", "")
        return cls(
            min(_day(args.get("as_of", "")) or today, today),
            zone,
            " ".join(args.get("account", "").split())[:40],
            currency if currency in CURRENCIES else "",
            bucket if bucket in BUCKETS else "",
        )

    def url(self, endpoint: str, **changes: Any) -> str:
        today = self.as_of == selling_day()
        values = {"as_of": None if today else self.as_of.isoformat(), "account": self.account or None}
        values |= {"currency": self.currency or None, "bucket": self.bucket or None}
        return url_for(endpoint, **(values | changes))

    @property
    def narrows(self) -> bool:
        return bool(self.account or self.currency or self.bucket)


class AgeRow(Value):
    """One account in one currency, or all of a currency; `sums` by bucket."""

    account: str
    name: str
    currency: str
    invoices: int
    sums: tuple[Money, ...]

    @property
    def total(self) -> Money:
        return Money(sum(x.minor for x in self.sums), self.currency)

    @property
    def overdue(self) -> Money:
        return self.total - self.sums[0]


class OpenRow(Value):
    number: str
    account: str
    name: str
    kind: str
    issued_on: date
    due_date: date
    days: int
    bucket: str
    gross: Money
    open: Money


class Page(Value):
    rows: tuple[Any, ...]
    previous: str | None
    next: str | None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1990 <= day.year <= 2200 else None


def _sum(column: Any, model: Any, until: ColumnElement[bool]) -> ColumnElement[int]:
    query = select(cast(func.coalesce(func.sum(column), 0), BigInteger)).where(model.invoice_id == Invoice.id, until)
    return query.correlate(Invoice).scalar_subquery()


def _due(asked: Asked) -> ColumnElement[int]:
    """What of the invoice at hand was open at the end of the day."""
    end: datetime = clock.end_of_day(asked.as_of, asked.zone)
    return (  # type: ignore[no-any-return]
        Invoice.gross
        - _allocated(asked)
        - _sum(CreditNote.gross, CreditNote, CreditNote.issued_on <= asked.as_of)
        - _sum(WriteOff.amount, WriteOff, WriteOff.at < end)
    )


def _allocated(asked: Asked) -> ColumnElement[int]:
    whole = cast(func.coalesce(func.sum(Allocation.amount), 0), BigInteger)
    query = select(whole).where(Allocation.invoice_id == Invoice.id)
    if asked.as_of != selling_day():  # else all that there is
        query = query.join(Receipt, Receipt.id == Allocation.receipt_id).where(_counted(asked))
    return query.correlate(Invoice).scalar_subquery()


def _counted(asked: Asked) -> ColumnElement[bool]:
    recorded_later = (Receipt.received_on <= asked.as_of) & within_a_day(Allocation.at, Receipt.at)
    return (Allocation.at < clock.end_of_day(asked.as_of, asked.zone)) | recorded_later


def unapplied(asked: Asked) -> tuple[Money, ...]:
    """What had been received by the end of the day and paid no invoice then, by currency; one statement."""
    end, mine = clock.end_of_day(asked.as_of, asked.zone), _of_account(asked, Receipt)
    here = case((Receipt.received_on.is_(None), Receipt.at < end), else_=Receipt.received_on <= asked.as_of)
    came = select(Receipt.currency, Receipt.amount.label("minor")).where(here, mine)
    used = (
        select(Receipt.currency, (-Allocation.amount).label("minor"))
        .join(Allocation, Allocation.receipt_id == Receipt.id)
        .join(Invoice, Invoice.id == Allocation.invoice_id)
        .where(Invoice.issued_on <= asked.as_of, _counted(asked), mine)
    )
    both = union_all(came, used).subquery()
    query = select(both.c.currency, cast(func.sum(both.c.minor), BigInteger).label("minor")).group_by(both.c.currency)
    rows = read_columns(query.order_by(both.c.currency))
    return tuple(Money(r.minor, r.currency) for r in rows if r.minor)


def _of_account(asked: Asked, model: Any) -> ColumnElement[bool]:
    found = true() if not asked.currency else model.currency == asked.currency
    if not asked.account:
        return found
    numbered = select(Account.id).where(func.upper(Account.number) == asked.account.upper())
    return found & model.account_id.in_(numbered)


def _open(asked: Asked) -> Any:
    """The invoices that were open on the day, with their bucket's place."""
    late = (asked.as_of - timedelta(days=n) for n in (0, 30, 60, 90))
    place = case(*((Invoice.due_date >= day, n) for n, day in enumerate(late)), else_=4).label("bucket")
    query = select(
        Invoice.id,
        Invoice.number,
        Invoice.kind,
        Invoice.account_id,
        Invoice.currency,
        Invoice.issued_on,
        Invoice.due_date,
        Invoice.gross,
        _due(asked).label("open"),
        place,
    ).where(Invoice.number.is_not(None), Invoice.issued_on <= asked.as_of, _due(asked) != 0)
    query = query.where(_of_account(asked, Invoice))
    if asked.as_of == selling_day():
        query = query.where(Invoice.status.in_(OPEN))  # the same, by what the list is short of
    return query.subquery()


def _sums(found: Any) -> list[Any]:
    return [
        cast(func.sum(case((found.c.bucket == n, found.c.open), else_=0)), BigInteger).label(f"b{n}")
        for n in range(len(BUCKETS))
    ]


def totals(asked: Asked) -> tuple[AgeRow, ...]:
    """By currency, over all accounts; one statement."""
    found = _open(asked)
    query = select(found.c.currency, func.count().label("invoices"), *_sums(found)).group_by(found.c.currency)
    return tuple(_row(r, "", "") for r in read_columns(query.order_by(found.c.currency)))


def by_account(asked: Asked, *, before: str = "", after: str = "") -> Page:
    """By account and currency, in the order of names; `after` and `before` name a row, such as `A-0301.EUR`."""
    found, backwards = _open(asked), bool(before)
    key = (Account.name, Account.number, found.c.currency)
    query = (
        select(Account.number, Account.name, found.c.currency, func.count().label("invoices"), *_sums(found))
        .join(Account, Account.id == found.c.account_id)
        .group_by(Account.number, Account.name, found.c.currency)
    )
    if before or after:
        number, _point, currency = (before or after).partition(".")
        where = (
            select(Account.name, Account.number, literal(currency)).where(Account.number == number).scalar_subquery()
        )
        query = query.where(tuple_(*key) < where if backwards else tuple_(*key) > where)
    order = [column.desc() for column in key] if backwards else list(key)
    rows = list(read_columns(query.order_by(*order).limit(PAGE + 1)))
    return _paged([_row(r, r.number, r.name) for r in rows], asked, "receivables.index", backwards, bool(after))


def _paged(found: list[Any], asked: Asked, endpoint: str, backwards: bool, came: bool) -> Page:
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    older, newer = (backwards or more), (more if backwards else came)
    return Page(
        tuple(found),
        asked.url(endpoint, before=_key(found[0])) if found and newer else None,
        asked.url(endpoint, after=_key(found[-1])) if found and older else None,
    )


def _key(row: AgeRow | OpenRow) -> str:
    return f"{row.account}.{row.currency}" if isinstance(row, AgeRow) else row.number


def _row(row: Any, account: str, name: str) -> AgeRow:
    sums = tuple(Money(int(getattr(row, f"b{n}")), row.currency) for n in range(len(BUCKETS)))
    return AgeRow(account, name, row.currency, row.invoices, sums)


def _invoices(asked: Asked) -> Any:
    found = _open(asked)
    query = select(*found.c, Account.number.label("account"), Account.name).join(
        Account, Account.id == found.c.account_id
    )
    if asked.bucket:
        query = query.where(found.c.bucket == BUCKETS.index(asked.bucket))
    return found, query


def invoices(asked: Asked, *, before: str = "", after: str = "") -> Page:
    """One by one, longest due first; `after` and `before` are numbers of invoices."""
    (found, query), backwards = _invoices(asked), bool(before)
    key = (found.c.due_date, found.c.id)
    if before or after:
        where = select(Invoice.due_date, Invoice.id).where(Invoice.number == (before or after)).scalar_subquery()
        query = query.where(tuple_(*key) < where if backwards else tuple_(*key) > where)
    order = [column.desc() for column in key] if backwards else list(key)
    rows = [_open_row(r, asked) for r in read_columns(query.order_by(*order).limit(PAGE + 1))]
    return _paged(rows, asked, "receivables.invoices", backwards, bool(after))


def every(asked: Asked) -> Iterator[OpenRow]:
    found, query = _invoices(asked)
    return (_open_row(r, asked) for r in read_columns(query.order_by(found.c.due_date, found.c.id)))


def _open_row(row: Any, asked: Asked) -> OpenRow:
    return OpenRow(
        number=row.number,
        account=row.account,
        name=row.name,
        kind=row.kind.value,
        issued_on=row.issued_on,
        due_date=row.due_date,
        days=max((asked.as_of - row.due_date).days, 0),
        bucket=BUCKETS[row.bucket],
        gross=Money(row.gross, row.currency),
        open=Money(row.open, row.currency),
    )
