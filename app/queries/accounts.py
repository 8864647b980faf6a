"""Accounts: the list by name, and one account with what hangs on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select, tuple_

from ..db import db
from ..errors import NotFound
from ..models import (
    Account,
    Address,
    Contact,
    Opportunity,
    OrderLine,
    Quote,
    QuoteLine,
    SalesOrder,
    User,
)
from ..money import Money, PricedLine, totals
from ..states.quote import QuoteStatus
from ..values import Value
from . import methods
from .agreements import listing as agreements
from .calendar import selling_day
from .quotes import statuses
from .scope import visible

PAGE = 40
RECENT = 10


class AccountRow(Value):
    number: str
    name: str
    currency: str
    billing_contact: str | None
    city: str | None
    country: str | None
    hold_reason: str | None


class AccountList(Value):
    """`next` and `previous` are keys of neighbouring pages, None where there is none."""

    rows: tuple[AccountRow, ...]
    next: int | None
    previous: int | None


class Deal(Value):
    """A quote or an order of the account, as one line."""

    number: str
    version: int | None
    status: str
    on: datetime
    total: Money


class AccountPage(Value):
    account: Account
    contacts: Sequence[Contact]
    addresses: Sequence[Address]
    opportunities: Sequence[Row[Any]]
    quotes: tuple[Deal, ...]
    orders: tuple[Deal, ...]
    methods: tuple[methods.Card, ...]
    agreements: tuple[agreements.AgreementRow, ...]
    held_by: str | None


def find(search: str = "", *, held: bool = False, after: int | None = None, before: int | None = None) -> AccountList:
    """At most PAGE accounts by name, after or before the account with that id."""
    backwards = before is not None
    order = (Account.name.desc(), Account.id.desc()) if backwards else (Account.name, Account.id)
    query = (
        select(
            Account.id,
            Account.number,
            Account.name,
            Account.currency,
            Account.hold_reason,
            Contact.name.label("contact"),
            Address.city,
            Address.country,
        )
        .outerjoin(Contact, Contact.id == Account.billing_contact_id)
        .outerjoin(Address, Address.id == Account.billing_address_id)
        .order_by(*order)
        .limit(PAGE + 1)
    )
    if search:
        query = query.where(
            or_(Account.name.icontains(search, autoescape=True), Account.number.istartswith(search, autoescape=True))
        )
    if held:
        query = query.where(Account.hold_reason.is_not(None))
    here = tuple_(Account.name, Account.id)
    if after is not None:
        query = query.where(here > _key(after))
    if before is not None:
        query = query.where(here < _key(before))
    found = list(db.session.execute(query))
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    has_next, has_previous = (backwards or more), (more if backwards else after is not None)
    return AccountList(
        rows=tuple(
            AccountRow(r.number, r.name, r.currency, r.contact, r.city, r.country, r.hold_reason) for r in found
        ),
        next=found[-1].id if found and has_next else None,
        previous=found[0].id if found and has_previous else None,
    )


def groups() -> list[str]:
    """The account groups in use, for people who name one."""
    query = select(Account.account_group).where(Account.account_group != "").distinct()
    return list(db.session.scalars(query.order_by(Account.account_group)))


def entity(number: str) -> Account:
    """Raises NotFound."""
    account = db.session.scalars(select(Account).where(Account.number == number)).one_or_none()
    if account is None:
        raise NotFound(f"account {number}")
    return account


def load(number: str, reader: User) -> AccountPage:
    """With the quotes and orders that `reader` may see. Raises NotFound."""
    account = entity(number)
    opportunities: Any = (
        select(Opportunity.id, Opportunity.name, Opportunity.stage, User.name.label("owner"))
        .join(User, User.id == Opportunity.owner_id)
        .where(Opportunity.account_id == account.id)
        .order_by(Opportunity.id.desc())
    )
    return AccountPage(
        account=account,
        contacts=account.contacts,
        addresses=account.addresses,
        opportunities=db.session.execute(opportunities).all(),
        quotes=_quotes(account, reader),
        orders=_orders(account, reader),
        methods=methods.cards(account),
        agreements=agreements.of_account(account.id, reader),
        held_by=db.session.scalar(select(User.name).where(User.id == account.hold_by_id)),
    )


def contact(number: str, contact_id: int) -> Contact:
    """One of the account's own. Raises NotFound."""
    account = entity(number)
    found = db.session.scalars(select(Contact).where(Contact.id == contact_id, Contact.account_id == account.id))
    contact = found.one_or_none()
    if contact is None:
        raise NotFound(f"contact {contact_id}")
    return contact


def _key(account_id: int) -> Any:
    return select(Account.name, Account.id).where(Account.id == account_id).scalar_subquery()


def _quotes(account: Account, reader: User) -> tuple[Deal, ...]:
    day = selling_day()
    query = select(
        Quote.id,
        Quote.number,
        Quote.version,
        statuses.shown(day).label("status"),
        Quote.created_at,
        Quote.currency,
        Quote.prices_include_tax,
    ).where(Quote.account_id == account.id, Quote.status != QuoteStatus.SUPERSEDED, visible(reader, Quote.owner_id))
    rows = db.session.execute(query.order_by(Quote.id.desc()).limit(RECENT)).all()
    return tuple(_deal(r, r.version, sums) for sums in [_sums(rows, QuoteLine, QuoteLine.quote_id)] for r in rows)


def _orders(account: Account, reader: User) -> tuple[Deal, ...]:
    query: Any = select(
        SalesOrder.id,
        SalesOrder.number,
        SalesOrder.status,
        SalesOrder.created_at,
        SalesOrder.currency,
        SalesOrder.prices_include_tax,
    ).where(SalesOrder.account_id == account.id, visible(reader, SalesOrder.owner_id))
    rows = db.session.execute(query.order_by(SalesOrder.id.desc()).limit(RECENT)).all()
    return tuple(_deal(r, None, sums) for sums in [_sums(rows, OrderLine, OrderLine.order_id)] for r in rows)


def _deal(row: Row[Any], version: int | None, sums: dict[int, Money]) -> Deal:
    return Deal(row.number, version, row.status, row.created_at, sums[row.id])


def _sums(rows: Sequence[Row[Any]], line: Any, parent: Any) -> dict[int, Money]:
    """What each quote or order comes to, gross; one statement for all."""
    priced: dict[int, list[PricedLine]] = defaultdict(list)
    query = select(parent, line.quantity, line.unit_price, line.discount_percent, line.tax_rate)
    for parent_id, *columns in db.session.execute(query.where(parent.in_([r.id for r in rows]))):
        priced[parent_id].append(PricedLine(*columns))
    return {r.id: totals(priced[r.id], r.currency, prices_include_tax=r.prices_include_tax).gross for r in rows}
