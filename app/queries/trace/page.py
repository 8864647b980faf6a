"""A trace from each kind of record: who may ask is asked here, the way is read by `rows` and told by `payments`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import or_, select

from ...access import Permission, can
from ...db import read_columns
from ...errors import NotFound
from ...models import Allocation, Invoice, LineKind, PaymentOrder, Quote, Receipt, SalesOrder, Transaction, User
from ..invoices import owners as billed
from ..orders.views import Link
from ..payments import owners
from ..scope import visible
from . import lines, payments, rows
from .lines import Sold
from .views import Hop, TracePage

MOST = 50
OF_NOBODY = (LineKind.FEE, LineKind.ADJUSTMENT)


def of_quote(number: str, reader: User) -> TracePage:
    """The latest version, and the order it became. Raises NotFound, as all of these do, for foreign ones as well."""
    query = select(Quote.id, Quote.number, Quote.version, Quote.currency)
    row = _first(query.where(Quote.number == number, visible(reader, Quote.owner_id)).order_by(Quote.version.desc()))
    if row is None:
        raise NotFound(f"quote {number}")
    own = select(*_ORDER).where(SalesOrder.quote_number == number, visible(reader, SalesOrder.owner_id))
    order = _first(own)
    home = Link(number, url_for("quotes.show", number=number))
    if order is None:
        return TracePage(_("Quote"), number, home, lines.of_quote(row), (), () if _sees_payments() else None, False)
    return _page(_("Quote"), number, home, order, *_of_order(order.id))


def of_order(number: str, reader: User) -> TracePage:
    order = _first(select(*_ORDER).where(SalesOrder.number == number, visible(reader, SalesOrder.owner_id)))
    if order is None:
        raise NotFound(f"order {number}")
    home = Link(number, url_for("orders.show", number=number))
    return _page(_("Order"), number, home, order, *_of_order(order.id))


def of_invoice(number: str, reader: User) -> TracePage:
    query = billed.joined(select(Invoice.id.label("invoice_id"), *_ORDER).select_from(Invoice))
    row = _seen(query.where(Invoice.number == number, billed.seen_by(reader)), f"invoice {number}")
    paying = select(Receipt.id).join(Allocation, Allocation.receipt_id == Receipt.id)
    paying = paying.where(Allocation.invoice_id == row.invoice_id)
    orders = select(Receipt.payment_order_id).where(Receipt.id.in_(paying), Receipt.payment_order_id.is_not(None))
    ids, more = _newest(or_(PaymentOrder.invoice_id == row.invoice_id, PaymentOrder.id.in_(orders)))
    alone = select(Receipt.id).where(Receipt.id.in_(paying), Receipt.payment_order_id.is_(None)).limit(MOST)
    receipts = [r.id for r in read_columns(alone)]
    home = Link(number, url_for("invoices.show", number=number))
    return _page(_("Invoice"), number, home, row, ids, more, invoice_id=row.invoice_id, receipts=receipts)


def of_payment_order(number: str, reader: User) -> TracePage:
    query = owners.joined(select(PaymentOrder.id.label("own_id"), *_ORDER).select_from(PaymentOrder))
    row = _own(query.where(PaymentOrder.number == number), reader, f"payment order {number}")
    home = Link(number, url_for("payments.show", number=number))
    return _page(_("Payment order"), number, home, row, [row.own_id], False, ("payment_order", row.own_id))


def of_transaction(transaction_id: int, reader: User) -> TracePage:
    columns = (Transaction.provider_id, PaymentOrder.id.label("own_id"), PaymentOrder.number.label("own"))
    query = select(*columns, *_ORDER).join(PaymentOrder, PaymentOrder.id == Transaction.payment_order_id)
    found = owners.joined(query).where(Transaction.id == transaction_id)
    row = _own(found, reader, f"transaction {transaction_id}")
    home = Link(row.own, url_for("payments.show", number=row.own))
    here = ("transaction", transaction_id)
    return _page(_("Transaction"), row.provider_id, home, row, [row.own_id], False, here)


def of_receipt(number: str, reader: User) -> TracePage:
    columns = (Receipt.id.label("receipt_id"), PaymentOrder.id.label("own_id"), PaymentOrder.number.label("own"))
    query = select(*columns, *_ORDER).outerjoin(PaymentOrder, PaymentOrder.id == Receipt.payment_order_id)
    found = owners.joined(query).where(Receipt.number == number)
    row = _own(found, reader, f"receipt {number}")
    ids = [row.own_id] if row.own_id else []
    home = Link(row.own, url_for("payments.show", number=row.own)) if row.own else Link(number)
    here = ("receipt", row.receipt_id)
    return _page(_("Receipt"), number, home, row, ids, False, here, receipts=[row.receipt_id])


def of_settlement_line(line_id: int, reader: User) -> TracePage:
    """Of a line about nothing of ours, the line itself."""
    line = rows.settlement_line(line_id)
    if line is None:
        raise NotFound(f"settlement line {line_id}")
    home = Link(line.batch, url_for("settlement.batch", batch_id=line.batch_id))
    word, here = _("Settlement line"), ("settlement_line", line_id)
    if line.transaction_id is None:
        return TracePage(word, line.provider_id, home, (), (), (_unmatched(line),), False)
    query = select(PaymentOrder.id.label("own_id"), *_ORDER).select_from(Transaction)
    query = query.join(PaymentOrder, PaymentOrder.id == Transaction.payment_order_id)
    found = owners.joined(query).where(Transaction.id == line.transaction_id)
    row = _own(found, reader, f"settlement line {line_id}")
    return _page(word, line.provider_id, home, row, [row.own_id], False, here)


_ORDER = (
    SalesOrder.id,
    SalesOrder.number,
    SalesOrder.quote_id,
    SalesOrder.quote_number,
    SalesOrder.currency,
)


def _first(query: Any) -> Any:
    return read_columns(query.limit(1)).one_or_none()


def _own(query: Any, reader: User, what: str) -> Any:
    """Of a payment order, with what asks for it."""
    return _seen(query.where(owners.seen_by(reader)), what)


def _seen(query: Any, what: str) -> Any:
    row = _first(query)
    if row is None:
        raise NotFound(what)
    return row


def _newest(condition: Any) -> tuple[list[int], bool]:
    query = select(PaymentOrder.id).where(condition).order_by(PaymentOrder.id.desc()).limit(MOST + 1)
    ids = [row.id for row in read_columns(query)]
    return ids[:MOST], len(ids) > MOST


def _of_order(order_id: int) -> tuple[list[int], bool]:
    return _newest(PaymentOrder.order_id == order_id) if _sees_payments() else ([], False)


def _sees_payments() -> bool:
    return can(Permission.PAYMENT_VIEW)


def _page(
    word: str,
    number: str,
    home: Link,
    order: Any,
    ids: Sequence[int],
    more: bool,
    here: payments.Here = None,
    *,
    invoice_id: int | None = None,
    receipts: Sequence[int] = (),
) -> TracePage:
    sold = lines.of(order, invoice_id) if order.id is not None or invoice_id is not None else Sold((), ())
    hops = payments.of(ids, here, receipts) if _sees_payments() else None
    if hops is not None and here is None:
        hops += payments.given_up(order.id, invoice_id)
    return TracePage(word, number, home, sold.lines, sold.deposits, hops, more)


def _unmatched(line: Any) -> Hop:
    told = _("It is about no transaction of ours.")
    gap = () if line.kind in OF_NOBODY else (Hop(_("Transaction"), told, missing=True),)
    return payments.line_hop(line, here=True, children=gap)
