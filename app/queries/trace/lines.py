"""The selling side of a trace: quote line, order line, invoice line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import Row

from ...access import Permission, can
from ...models import deduction
from ...money import Money, PricedLine, line_amount
from ..orders.views import Link
from . import rows
from .views import DepositView, LineView, Part


class Sold(NamedTuple):
    lines: tuple[LineView, ...]
    deposits: tuple[DepositView, ...]


def of(order: Any, invoice_id: int | None) -> Sold:
    """Two statements. Of an invoice, only what it bills."""
    billed = rows.billed(order.id, invoice_id)
    by_line: dict[int | None, list[Row[Any]]] = defaultdict(list)
    for row in billed:
        by_line[row.order_line_id].append(row)
    found = rows.of_order(order.id) if order.id is not None else ()
    shown = tuple(_line(order, x, by_line[x.id]) for x in found if invoice_id is None or by_line[x.id])
    deposits = [DepositView(x.description, _part_of_invoice(x)) for x in by_line[None]]
    return Sold(shown, (*deposits, *(part for row in _each_once(billed) for part in _deducted(row))))


def _each_once(billed: rows.Rows) -> Iterable[Row[Any]]:
    return {row.number: row for row in billed}.values()


def _deducted(row: Row[Any]) -> Iterator[DepositView]:
    """What a final invoice deducts, document by document, priced as its lines are."""
    link, sums = _part_of_invoice(row).link, dict[tuple[str, bool], Money]()
    for x in deduction.read(row.deductions, row.currency):
        key, amount = (x.number, x.credit), x.tax.gross if row.prices_include_tax else x.tax.base
        sums[key] = sums.get(key, Money.zero(row.currency)) - amount
    for (number, credit), amount in sums.items():
        deposit, note = _("Less deposit %(number)s", number=number), _("Less credit note %(number)s", number=number)
        yield DepositView(note if credit else deposit, Part(link, amount))


def of_quote(quote: Any) -> tuple[LineView, ...]:
    link = Link(f"{quote.number} v{quote.version}", url_for("quotes.show", number=quote.number))
    found = rows.of_quote(quote.id)
    parts = [Part(link, _amount(x, "", quote.currency)) for x in found]
    return tuple(
        LineView(x.id, x.description, x.sku, part, None, (), added=False) for x, part in zip(found, parts, strict=True)
    )


def _line(order: Any, row: Row[Any], billed: list[Row[Any]]) -> LineView:
    quoted = Part(_quote_link(order), _amount(row, "quoted_", order.currency)) if row.quote_line_id else None
    link = Link(order.number, _allowed("orders.show", Permission.ORDER_VIEW, order.number))
    return LineView(
        id=row.id,
        description=row.description,
        sku=row.sku,
        quoted=quoted,
        ordered=Part(link, _amount(row, "", order.currency)),
        billed=tuple(_part_of_invoice(x) for x in billed),
        added=order.quote_id is not None and quoted is None,
    )


def _quote_link(order: Any) -> Link:
    return Link(order.quote_number, _allowed("quotes.show", Permission.QUOTE_VIEW, order.quote_number))


def _part_of_invoice(row: Row[Any]) -> Part:
    link = Link(row.number, _allowed("invoices.show", Permission.INVOICE_VIEW, row.number))
    return Part(link, Money(row.amount, row.currency))


def _allowed(endpoint: str, permission: Permission, number: str) -> str | None:
    return url_for(endpoint, number=number) if can(permission) else None


def _amount(row: Row[Any], prefix: str, currency: str) -> Money:
    return line_amount(PricedLine(*(getattr(row, prefix + name) for name in rows.PRICED)), currency)
