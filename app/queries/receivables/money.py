"""Money that came in: all receipts, those whose money pays nothing yet, and one with what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement, or_, select

from ... import clock
from ...db import read_columns
from ...errors import NotFound
from ...models import Account, Dispute, Invoice, PaymentOrder, Receipt, ReceiptKind, Transaction, User
from ...money import Money
from ...states.invoice import OPEN
from ...values import Value
from . import figures, waiting_pay_outs

PAGE = 50


class Filter(Value):
    """What the query string asks for; unknown values ask for nothing."""

    text: str = ""
    kind: str = ""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Filter:
        kind = args.get("kind", "")
        return cls(" ".join(args.get("q", "").split())[:100], kind if kind in list(ReceiptKind) else "")

    def url(self, endpoint: str, **more: Any) -> str:
        return url_for(endpoint, q=self.text or None, kind=self.kind or None, **more)

    @property
    def narrows(self) -> bool:
        return bool(self.text or self.kind)


class MoneyRow(Value):
    number: str
    account: str
    name: str
    kind: str
    paid_with: str
    payment_order: str | None
    invoice: str | None
    dispute: str | None
    on: date
    reversal: bool
    amount: Money
    unapplied: Money


class MoneyList(Value):
    rows: tuple[MoneyRow, ...]
    previous: str | None
    next: str | None


class Pays(Value):
    invoice_id: int
    invoice: str
    status: str
    amount: Money
    open: Money


class ReceiptPage(Value):
    """`left` is what left of it since, newest first; `held` what waits to be paid out; `open` the invoices that
    it could pay."""

    id: int
    head: MoneyRow
    note: str
    recorded_by: str
    at: datetime
    transaction: str | None
    transaction_id: int | None
    pays: tuple[Pays, ...]
    left: tuple[MoneyRow, ...]
    held: Money
    open: tuple[Pays, ...]
    reversed: bool


COLUMNS = (
    Receipt.id,
    Receipt.number,
    Receipt.kind,
    Receipt.paid_with,
    Receipt.received_on,
    Receipt.at,
    Receipt.reversal,
    Receipt.amount,
    Receipt.currency,
    Receipt.account_id,
    Account.number.label("account"),
    Account.name,
    PaymentOrder.number.label("payment_order"),
    Invoice.number.label("invoice"),
    Dispute.number.label("dispute"),
)


def _select(*more: Any) -> Any:
    return (
        select(*COLUMNS, *more)
        .join(Account, Account.id == Receipt.account_id)
        .outerjoin(PaymentOrder, PaymentOrder.id == Receipt.payment_order_id)
        .outerjoin(Invoice, Invoice.id == Receipt.invoice_id)
        .outerjoin(Dispute, Dispute.id == Receipt.dispute_id)
    )


def _row(row: Any, zone: str, unapplied: int = 0) -> MoneyRow:
    return MoneyRow(
        number=row.number,
        account=row.account,
        name=row.name,
        kind=row.kind.value,
        paid_with=row.paid_with,
        payment_order=row.payment_order,
        invoice=row.invoice,
        dispute=row.dispute,
        on=row.received_on or clock.local_date(row.at, zone),
        reversal=row.reversal,
        amount=Money(row.amount, row.currency),
        unapplied=Money(unapplied, row.currency),
    )


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.kind:
        found.append(Receipt.kind == ReceiptKind(wanted.kind))
    if wanted.text:
        number = wanted.text.upper()
        found.append(
            or_(
                Receipt.number.startswith(number, autoescape=True),
                PaymentOrder.number.startswith(number, autoescape=True),
                Account.number == number,
                Receipt.reference.icontains(wanted.text, autoescape=True),
                Account.name.icontains(wanted.text, autoescape=True),
            )
        )
    return found


def receipts(wanted: Filter, zone: str, *, before: int | None = None, after: int | None = None) -> MoneyList:
    """Newest first; one statement."""
    return _page(_select().where(*_conditions(wanted)), wanted, "receivables.receipts", zone, before, after)


def unapplied(wanted: Filter, zone: str, *, before: int | None = None, after: int | None = None) -> MoneyList:
    """What pays no invoice, or left although it was not there; one statement."""
    query = _select(figures.rest().label("rest")).where(Receipt.parent_id.is_(None), figures.rest() != 0)
    return _page(query.where(*_conditions(wanted)), wanted, "receivables.unapplied", zone, before, after)


def _page(query: Any, wanted: Filter, endpoint: str, zone: str, before: int | None, after: int | None) -> MoneyList:
    if before is not None:
        query = query.where(Receipt.id < before)
    if after is not None:
        query = query.where(Receipt.id > after)
    backwards = after is not None
    found = list(read_columns(query.order_by(Receipt.id.asc() if backwards else Receipt.id.desc()).limit(PAGE + 1)))
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    older, newer = (backwards or more), (more if backwards else before is not None)
    return MoneyList(
        tuple(_row(r, zone, getattr(r, "rest", 0)) for r in found),
        wanted.url(endpoint, after=found[0].id) if found and newer else None,
        wanted.url(endpoint, before=found[-1].id) if found and older else None,
    )


def of_account(account_id: int, currency: str) -> tuple[tuple[int, str, str, Money], ...]:
    """Unapplied cash of an account in one currency: id, number, in words, and how much; oldest first, at most
    fifty to choose from."""
    rest = figures.rest().label("rest")
    query = select(Receipt.id, Receipt.number, Receipt.paid_with, rest).where(
        Receipt.account_id == account_id, Receipt.currency == currency, Receipt.parent_id.is_(None), rest.element > 0
    )
    rows = read_columns(query.order_by(Receipt.id).limit(PAGE))
    return tuple((r.id, r.number, r.paid_with, Money(r.rest, currency)) for r in rows)


def one(number: str, zone: str) -> ReceiptPage:
    """The receipt with that number, or the one that it was taken from. Raises NotFound."""
    about = (Receipt.parent_id, Receipt.note, User.name.label("recorder"), Transaction.provider_id)
    query = (
        _select(*about, Receipt.transaction_id)
        .outerjoin(User, User.id == Receipt.recorded_by_id)
        .outerjoin(Transaction, Transaction.id == Receipt.transaction_id)
    )
    row = read_columns(query.where(Receipt.number == number)).one_or_none()
    if row is not None and row.parent_id is not None:
        row = read_columns(query.where(Receipt.id == row.parent_id)).one_or_none()
    if row is None:
        raise NotFound(f"receipt {number}")
    left = list(read_columns(_select().where(Receipt.parent_id == row.id).order_by(Receipt.id.desc())))
    return ReceiptPage(
        id=row.id,
        head=_row(row, zone, figures.unapplied(row.id)),
        note=row.note,
        recorded_by=row.recorder or "",
        at=row.at,
        transaction=row.provider_id,
        transaction_id=row.transaction_id,
        pays=_pays(row.id, row.currency),
        left=tuple(_row(r, zone) for r in left),
        held=waiting_pay_outs.held(row.id, row.currency),
        open=open_invoices(row.account_id, row.currency),
        reversed=any(r.reversal for r in left),
    )


def _pays(root_id: int, currency: str) -> tuple[Pays, ...]:
    applied = figures.applied(root_id)
    query = select(Invoice.id, Invoice.number, Invoice.status, figures.due().label("due"))
    rows = read_columns(query.where(Invoice.id.in_(list(applied))).order_by(Invoice.id))
    return tuple(
        Pays(r.id, r.number, r.status.value, Money(applied[r.id], currency), Money(r.due, currency)) for r in rows
    )


def open_invoices(account_id: int, currency: str, *, but: int | None = None) -> tuple[Pays, ...]:
    """What money of this account can pay, longest due first; at most fifty to choose from."""
    query = select(Invoice.id, Invoice.number, Invoice.status, figures.due().label("due")).where(
        Invoice.account_id == account_id,
        Invoice.currency == currency,
        Invoice.status.in_(OPEN),
        Invoice.id != (but or 0),
    )
    rows = read_columns(query.order_by(Invoice.due_date, Invoice.id).limit(PAGE))
    return tuple(Pays(r.id, r.number, r.status.value, Money.zero(currency), Money(r.due, currency)) for r in rows)
