"""The list of quotes: newest first, by key, filtered by what stands in the query string."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, or_, select

from ...db import db
from ...models import Account, Quote, QuoteLine, User
from ...money import Money, PricedLine, totals
from ...states.quote import QuoteStatus
from ...values import Value
from ..calendar import selling_day
from ..scope import visible
from . import statuses

PAGE = 30


class Filters(Value):
    status: QuoteStatus | None = None
    owner_id: int | None = None
    search: str = ""


class QuoteRow(Value):
    number: str
    version: int
    status: QuoteStatus
    account: str
    owner: str
    expires_on: date
    created_at: datetime
    total: Money


class QuoteList(Value):
    """`older` and `newer` are the keys of the neighbouring pages, None where there is none."""

    rows: tuple[QuoteRow, ...]
    older: int | None
    newer: int | None


def find(person: User, filters: Filters, *, before: int | None = None, after: int | None = None) -> QuoteList:
    """At most PAGE quotes older than the key `before`, or newer than `after`; two statements."""
    backwards = after is not None
    query = _narrowed(person, filters).order_by(Quote.id.asc() if backwards else Quote.id.desc()).limit(PAGE + 1)
    if before is not None:
        query = query.where(Quote.id < before)
    if after is not None:
        query = query.where(Quote.id > after)
    found = list(db.session.execute(query))
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    has_older, has_newer = (backwards or more), (more if backwards else before is not None)
    sums = _totals(found)
    return QuoteList(
        rows=tuple(_row(r, sums[r.id]) for r in found),
        older=found[-1].id if found and has_older else None,
        newer=found[0].id if found and has_newer else None,
    )


def owners(person: User) -> list[tuple[int, str]]:
    """Whose quotes could be in this person's list, for the filter."""
    query = select(User.id, User.name).where(User.id.in_(select(Quote.owner_id).where(visible(person, Quote.owner_id))))
    return [(r.id, r.name) for r in db.session.execute(query.order_by(User.name))]


def _narrowed(person: User, filters: Filters) -> Select[Any]:
    day = selling_day()
    query = (
        select(
            Quote.id,
            Quote.number,
            Quote.version,
            statuses.shown(day).label("status"),
            Quote.currency,
            Quote.prices_include_tax,
            Quote.expires_on,
            Quote.created_at,
            Account.name.label("account"),
            User.name.label("owner"),
        )
        .join(Account, Account.id == Quote.account_id)
        .join(User, User.id == Quote.owner_id)
        .where(visible(person, Quote.owner_id))
    )
    if filters.status is not None:
        query = query.where(statuses.is_status(filters.status, day))
    else:
        query = query.where(Quote.status != QuoteStatus.SUPERSEDED)
    if filters.owner_id is not None:
        query = query.where(Quote.owner_id == filters.owner_id)
    if filters.search.strip():
        query = query.where(_matches(filters.search.strip()))
    return query


def _matches(search: str) -> ColumnElement[bool]:
    """The start of a quote's number, or any part of its account's name or number."""
    named = or_(Account.name.icontains(search, autoescape=True), Account.number.istartswith(search, autoescape=True))
    return or_(Quote.number.istartswith(search, autoescape=True), named)


def _totals(found: Sequence[Row[Any]]) -> dict[int, Money]:
    priced: dict[int, list[PricedLine]] = defaultdict(list)
    query = select(
        QuoteLine.quote_id, QuoteLine.quantity, QuoteLine.unit_price, QuoteLine.discount_percent, QuoteLine.tax_rate
    ).where(QuoteLine.quote_id.in_([r.id for r in found]))
    for quote_id, *line in db.session.execute(query):
        priced[quote_id].append(PricedLine(*line))
    return {r.id: totals(priced[r.id], r.currency, prices_include_tax=r.prices_include_tax).gross for r in found}


def _row(row: Row[Any], total: Money) -> QuoteRow:
    return QuoteRow(
        number=row.number,
        version=row.version,
        status=QuoteStatus(row.status),
        account=row.account,
        owner=row.owner,
        expires_on=row.expires_on,
        created_at=row.created_at,
        total=total,
    )
