"""The list of orders: filtered by what the address says, sorted, paged by key. Two statements, however many orders."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from flask import url_for
from sqlalchemy import ColumnElement, String, cast, func, or_, select, tuple_

from ... import numbering, typed
from ...db import db
from ...models import Account, OrderLine, SalesOrder, User
from ...money import Money, PricedLine, totals
from ...states.order import OrderStatus
from ...values import Value
from ..scope import visible

PAGE = 50
FAR = date(9999, 12, 31)


class Sort(NamedTuple):
    """`key` makes rows unique together with the id; `read` turns a cursor's text back into a value."""

    key: Any
    descending: bool
    read: Callable[[Any], Any]


SORTS: dict[str, Sort] = {
    "newest": Sort(SalesOrder.id, True, typed.whole),
    "oldest": Sort(SalesOrder.id, False, typed.whole),
    "customer": Sort(Account.name, False, typed.text),
    "start": Sort(func.coalesce(SalesOrder.start_date, FAR), False, date.fromisoformat),
}


class Filter(Value):
    """What the query string asks for; unknown values ask for nothing."""

    text: str = ""
    status: str = ""
    owner: int | None = None
    tag: str = ""
    sort: str = "newest"

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Filter:
        return cls(
            text=" ".join(args.get("q", "").split())[:100],
            status=args.get("status", "") if args.get("status", "") in set(OrderStatus) else "",
            owner=_id(args.get("owner")),
            tag=args.get("tag", "").strip()[:40],
            sort=args.get("sort", "") if args.get("sort", "") in SORTS else "newest",
        )

    def url(self, **changes: Any) -> str:
        given = {"q": self.text, "status": self.status, "owner": self.owner, "tag": self.tag, "sort": self.sort}
        asked = given | changes
        if asked.get("sort") == "newest":
            asked["sort"] = None
        return url_for("orders.index", **{name: value or None for name, value in asked.items()})

    @property
    def narrows(self) -> bool:
        return bool(self.text or self.status or self.owner or self.tag)


class OrderRow(Value):
    number: str
    url: str
    status: str
    account: str
    owner: str
    tags: tuple[str, ...]
    start_date: date | None
    total: Money


class OrderList(Value):
    rows: tuple[OrderRow, ...]
    next: str | None
    previous: str | None


COLUMNS = (
    SalesOrder.id,
    SalesOrder.number,
    SalesOrder.status,
    SalesOrder.tags,
    SalesOrder.start_date,
    SalesOrder.currency,
    SalesOrder.prices_include_tax,
    Account.name.label("account"),
    User.name.label("owner"),
)


def view(wanted: Filter, reader: User, cursor: str | None = None, *, backwards: bool = False) -> OrderList:
    """One page from `cursor` on, or before it when walking `backwards`."""
    sort = SORTS[wanted.sort]
    found = _page(wanted, reader, _read(cursor, sort), backwards)
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    sums = _totals(found)
    return OrderList(
        rows=tuple(_row(row, sums[row.id]) for row in found),
        next=wanted.url(after=_cursor(found[-1])) if found and (more or backwards) else None,
        previous=wanted.url(before=_cursor(found[0])) if found and (more if backwards else bool(cursor)) else None,
    )


def _page(wanted: Filter, reader: User, start: tuple[Any, int] | None, backwards: bool) -> list[Any]:
    sort = SORTS[wanted.sort]
    down = sort.descending != backwards
    query = (
        select(*COLUMNS, sort.key.label("sort_key"))
        .join(Account, Account.id == SalesOrder.account_id)
        .join(User, User.id == SalesOrder.owner_id)
        .where(visible(reader, SalesOrder.owner_id), *_conditions(wanted))
    )
    if start is not None:
        here, there = tuple_(sort.key, SalesOrder.id), tuple_(*start)
        query = query.where(here < there if down else here > there)
    keys = (sort.key, SalesOrder.id)
    query = query.order_by(*(k.desc() if down else k.asc() for k in keys)).limit(PAGE + 1)
    return list(db.session.execute(query).all())


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status:
        found.append(SalesOrder.status == OrderStatus(wanted.status))
    if wanted.owner:
        found.append(SalesOrder.owner_id == wanted.owner)
    if wanted.tag:
        found.append(cast(SalesOrder.tags, String).contains(json.dumps(wanted.tag), autoescape=True))
    if wanted.text:
        found.append(_matches(wanted.text))
    return found


def _matches(text: str) -> ColumnElement[bool]:
    """By number of order or quote, or by a part of the customer's name."""
    accounts = select(Account.id).where(Account.name.icontains(text, autoescape=True))
    return or_(
        SalesOrder.number.in_(numbering.read(text, "order")),
        SalesOrder.quote_number.in_(numbering.read(text, "quote")),
        SalesOrder.account_id.in_(accounts),
    )


def _totals(found: Sequence[Any]) -> dict[int, Money]:
    """The gross total of each order on the page, by the very rule that its page uses; one statement."""
    query = select(
        OrderLine.order_id, OrderLine.quantity, OrderLine.unit_price, OrderLine.discount_percent, OrderLine.tax_rate
    ).where(OrderLine.order_id.in_([row.id for row in found]))
    lines: dict[int, list[PricedLine]] = {row.id: [] for row in found}
    for order_id, *priced in db.session.execute(query):
        lines[order_id].append(PricedLine(*priced))
    return {
        row.id: totals(lines[row.id], row.currency, prices_include_tax=row.prices_include_tax).gross for row in found
    }


def _row(row: Any, total: Money) -> OrderRow:
    return OrderRow(
        number=row.number,
        url=url_for("orders.show", number=row.number),
        status=row.status,
        account=row.account,
        owner=row.owner,
        tags=tuple(row.tags),
        start_date=row.start_date,
        total=total,
    )


def owners(reader: User) -> list[tuple[int, str]]:
    """Who owns orders that `reader` sees, for the filter."""
    owning = select(SalesOrder.owner_id).where(visible(reader, SalesOrder.owner_id))
    return [
        (o.id, o.name)
        for o in db.session.execute(select(User.id, User.name).where(User.id.in_(owning)).order_by(User.name))
    ]


def _cursor(row: Any) -> str:
    key = row.sort_key.isoformat() if isinstance(row.sort_key, date) else row.sort_key
    return base64.urlsafe_b64encode(json.dumps([key, row.id]).encode()).decode().rstrip("=")


def _id(asked: str | None) -> int | None:
    try:
        return typed.whole(asked)
    except ValueError:
        return None


def _read(cursor: str | None, sort: Sort) -> tuple[Any, int] | None:
    """A broken or foreign cursor starts from the top."""
    if not cursor:
        return None
    try:
        key, id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return sort.read(key), typed.whole(id)
    except (ValueError, TypeError, RecursionError):
        return None
