"""The list of invoices: newest first, filtered by what the address says, paged by key. One statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement, or_, select

from ...db import db
from ...models import Account, Invoice, SalesOrder, User
from ...money import Money
from ...states.invoice import OPEN, InvoiceStatus
from ...values import Value
from ..receivables import figures
from . import owners

PAGE = 50
OVERDUE = "overdue"
S = InvoiceStatus
STATUSES = (S.ISSUED, S.PART_PAID, S.PAID, OVERDUE, S.CREDITED, S.WRITTEN_OFF)


class Filter(Value):
    """What the query string asks for; unknown values ask for nothing."""

    text: str = ""
    status: str = ""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Filter:
        status = args.get("status", "")
        return cls(" ".join(args.get("q", "").split())[:100], status if status in STATUSES else "")

    def url(self, **more: Any) -> str:
        return url_for("invoices.index", q=self.text or None, status=self.status or None, **more)

    @property
    def narrows(self) -> bool:
        return bool(self.text or self.status)


class InvoiceRow(Value):
    number: str
    url: str
    status: str
    customer: str
    order: str | None
    order_url: str | None
    kind: str
    issued_on: date | None
    due_date: date | None
    gross: Money
    balance: Money


class InvoiceList(Value):
    rows: tuple[InvoiceRow, ...]
    previous: str | None
    next: str | None


def view(
    wanted: Filter, reader: User, today: date, *, before: int | None = None, after: int | None = None
) -> InvoiceList:
    """One page of invoices older than the one with the id `before`, or newer than `after`."""
    found = _page(wanted, reader, today, before, after)
    more, found = len(found) > PAGE, found[:PAGE]
    backwards = after is not None
    if backwards:
        found.reverse()
    older, newer = (backwards or more), (more if backwards else before is not None)
    return InvoiceList(
        rows=tuple(_row(row, today) for row in found),
        previous=wanted.url(after=found[0].id) if found and newer else None,
        next=wanted.url(before=found[-1].id) if found and older else None,
    )


def _page(wanted: Filter, reader: User, today: date, before: int | None, after: int | None) -> list[Any]:
    query = (
        select(
            Invoice.id,
            Invoice.number,
            Invoice.status,
            Invoice.kind,
            Invoice.issued_on,
            Invoice.due_date,
            Invoice.currency,
            Invoice.gross,
            Account.name.label("customer"),
            SalesOrder.number.label("order"),
            figures.due().label("due"),
        )
        .join(Account, Account.id == Invoice.account_id)
        .outerjoin(SalesOrder, SalesOrder.id == Invoice.order_id)
        .where(Invoice.number.is_not(None), owners.within_reach(reader), *_conditions(wanted, today))
    )
    if before is not None:
        query = query.where(Invoice.id < before)
    if after is not None:
        query = query.where(Invoice.id > after)
    query = query.order_by(Invoice.id.asc() if after is not None else Invoice.id.desc()).limit(PAGE + 1)
    return list(db.session.execute(query))


def _conditions(wanted: Filter, today: date) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status == OVERDUE:
        found += [Invoice.status.in_(OPEN), Invoice.due_date < today]
    elif wanted.status:
        found.append(Invoice.status == InvoiceStatus(wanted.status))
    if wanted.text:
        number = wanted.text.upper()
        found.append(
            or_(
                Invoice.number.startswith(number, autoescape=True),
                SalesOrder.number.startswith(number, autoescape=True),
                Account.name.icontains(wanted.text, autoescape=True),
            )
        )
    return found


def shown_status(status: InvoiceStatus, due_date: date | None, today: date) -> str:
    """Overdue is derived: open and past its due date."""
    return OVERDUE if status in OPEN and due_date is not None and due_date < today else status.value


def _row(row: Any, today: date) -> InvoiceRow:
    gross = Money(row.gross, row.currency)
    return InvoiceRow(
        number=row.number,
        url=url_for("invoices.show", number=row.number),
        status=shown_status(row.status, row.due_date, today),
        customer=row.customer,
        order=row.order,
        order_url=url_for("orders.show", number=row.order) if row.order else None,
        kind=row.kind.value,
        issued_on=row.issued_on,
        due_date=row.due_date,
        gross=gross,
        balance=Money(row.due, row.currency),
    )
