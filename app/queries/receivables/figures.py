"""Figures of invoices and of money that came in, summed from evidence and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, cast, func, select
from sqlalchemy.orm import aliased

from ...db import db, read_columns
from ...models import Allocation, CreditNote, Invoice, Receipt, WriteOff
from ...states.invoice import Standing

_Pot = aliased(Receipt)


def _sum(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)  # PostgreSQL sums whole numbers into a decimal


def _of_invoice(column: Any, model: Any) -> ColumnElement[int]:
    """A sum over what belongs to the invoice at hand, as a column of its statement."""
    query = select(_sum(column)).where(model.invoice_id == Invoice.id)
    return query.correlate(Invoice).scalar_subquery()


def columns() -> tuple[ColumnElement[int], ...]:
    """What `of_row` reads, beside each invoice of a statement."""
    return (
        _of_invoice(Allocation.amount, Allocation).label("allocated"),
        _of_invoice(CreditNote.gross, CreditNote).label("credited"),
        _of_invoice(WriteOff.amount, WriteOff).label("written_off"),
    )


def due() -> ColumnElement[int]:
    """What is left to pay of the invoice at hand."""
    allocated, credited, written_off = (column.element for column in columns())  # type: ignore[attr-defined]
    return Invoice.gross - allocated - credited - written_off  # type: ignore[no-any-return]


def of_row(row: Any) -> Standing:
    """From a row with the invoice's `gross` and `columns()`."""
    return Standing(row.gross, row.allocated, row.credited, row.written_off)


def of_invoice(invoice_id: int) -> Standing:
    """One statement."""
    return of_row(read_columns(_one_invoice(), invoice_id_=invoice_id).one())


@cache
def _one_invoice() -> Any:
    return select(Invoice.gross, *columns()).where(Invoice.id == bindparam("invoice_id_"))


def of_invoices(invoice_ids: Iterable[int]) -> dict[int, Standing]:
    """Of many, by id; one statement."""
    return {row.id: of_row(row) for row in read_columns(_many_invoices(), invoice_ids_=list(invoice_ids))}


@cache
def _many_invoices() -> Any:
    wanted = Invoice.id.in_(bindparam("invoice_ids_", expanding=True))
    return select(Invoice.id, Invoice.gross, *columns()).where(wanted)


def pot(root_id: Any) -> Any:
    """The ids of a receipt and of all that left of its money, as a condition of receipts."""
    return (Receipt.id == root_id) | (Receipt.parent_id == root_id)


def unapplied(root_id: int) -> int:
    """Minor units of a pot that pay no invoice and are still here; below zero where more left than had come."""
    left: int = read_columns(_unapplied(), root_id_=root_id).scalar_one()
    return left


@cache
def _unapplied() -> Any:
    mine = pot(bindparam("root_id_", type_=BigInteger))
    came = select(_sum(Receipt.amount)).where(mine).scalar_subquery()
    pays = select(_sum(Allocation.amount)).join(Receipt, Receipt.id == Allocation.receipt_id).where(mine)
    return select((came - pays.scalar_subquery()).label("unapplied"))


def given_and_unapplied(receipt_id: int, root_id: int) -> tuple[int, int]:
    """Minor units that this receipt alone gives to invoices, and those `unapplied` of its pot; one statement."""
    row = read_columns(_given_and_unapplied(), receipt_id_=receipt_id, root_id_=root_id).one()
    return row.given, row.unapplied


@cache
def _given_and_unapplied() -> Any:
    given = select(_sum(Allocation.amount)).where(Allocation.receipt_id == bindparam("receipt_id_", type_=BigInteger))
    return _unapplied().add_columns(given.scalar_subquery().label("given"))


def rest() -> ColumnElement[int]:
    """`unapplied` of the root receipt at hand, as a column of its statement."""
    here = (_Pot.id == Receipt.id) | (_Pot.parent_id == Receipt.id)
    came = select(_sum(_Pot.amount)).where(here).correlate(Receipt).scalar_subquery()
    pays = select(_sum(Allocation.amount)).join(_Pot, _Pot.id == Allocation.receipt_id).where(here)
    return came - pays.correlate(Receipt).scalar_subquery()  # type: ignore[no-any-return]


def waiting(payment_order_id: int) -> int:
    """Minor units that came for the payment order, are still here and pay no invoice."""
    query = select(_sum(rest())).where(Receipt.payment_order_id == payment_order_id, Receipt.parent_id.is_(None))
    return int(db.session.scalar(query) or 0)


def applied(root_id: int) -> dict[int, int]:
    """Minor units of a pot by the invoice that they pay."""
    rows = db.session.execute(
        select(Allocation.invoice_id, _sum(Allocation.amount).label("amount"))
        .join(Receipt, Receipt.id == Allocation.receipt_id)
        .where(pot(root_id))
        .group_by(Allocation.invoice_id)
    ).all()
    return {row.invoice_id: row.amount for row in rows if row.amount}


def paying(invoice_id: int) -> dict[int, int]:
    """Minor units that each pot gives to the invoice, by its root; the newest first."""
    root = func.coalesce(Receipt.parent_id, Receipt.id)
    rows = db.session.execute(
        select(root.label("root"), _sum(Allocation.amount).label("amount"))
        .join(Receipt, Receipt.id == Allocation.receipt_id)
        .where(Allocation.invoice_id == invoice_id)
        .group_by(root)
        .order_by(root.desc())
    ).all()
    return {row.root: row.amount for row in rows if row.amount}
