"""What the AR doctor looks at: each movement of money, and how far receipts, allocations and invoices followed it.

Six statements at most, however many payment orders. What reads here also decides: repairs ask the same under a lock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, cast, func, or_, select

from ...db import read_columns
from ...models import (
    Allocation,
    Attempt,
    Invoice,
    OrderLine,
    PaymentOrder,
    PostProcessing,
    Receipt,
    SalesOrder,
    Transaction,
    TransactionAction,
)
from ...money import Money
from ...states.attempt import AttemptStatus
from ...states.invoice import InvoiceStatus, Standing, derive
from ...states.order import OrderStatus
from ...states.payment_order import PaymentOrderStatus
from ...values import Value
from .. import ledger
from ..orders.lines import totals_of
from . import figures

A = TransactionAction
MONEY_IN = (A.CHARGE, A.CAPTURE)
FOLLOWED = (*MONEY_IN, A.REFUND, A.REFUND_FAILURE)


class Bill(Value):
    """An invoice: its stored status, and what receipts have paid of it."""

    id: int
    number: str | None
    status: InvoiceStatus
    currency: str
    standing: Standing
    due_date: date | None

    @property
    def gross(self) -> Money:
        return Money(self.standing.gross, self.currency)

    @property
    def paid(self) -> Money:
        return Money(self.standing.allocated, self.currency)

    @property
    def balance(self) -> Money:
        return Money(self.standing.due, self.currency)

    @property
    def wanted(self) -> InvoiceStatus:
        """The status that its allocations call for."""
        if self.status is InvoiceStatus.DRAFT:
            return self.status
        return derive(self.standing)

    @property
    def overdrawn(self) -> bool:
        """Allocated above its total or below nothing, which no constraint should have let through."""
        return self.standing.allocated < 0 or self.standing.due < 0

    @property
    def agrees(self) -> bool:
        return not self.overdrawn and self.status is self.wanted


class Case(Value):
    """One movement of money: a transaction; a receipt that came without one; or a payment order not captured yet.

    `follows` says how far what follows it was done, by `done_at`, `step`, `error` and `tries`; None: nothing has to.
    `free` is what of the receipt pays no invoice and was not given back since; `part_given_back` says that the
    receipt alone shows more. `counts`: the money is for the order as it stands. `invoiced`: all of the order is;
    `wanted`: and its invoices have something due that it could pay.
    """

    payment_order: Row[Any] | None
    transaction: Row[Any] | None
    follows: Row[Any] | None
    receipt_id: int | None
    receipt: str | None
    amount: Money
    at: datetime | None
    free: Money
    part_given_back: bool
    allocated: Money
    counts: bool
    invoiced: bool
    wanted: bool
    intended: Bill | None
    bills: tuple[Bill, ...]

    @property
    def currency(self) -> str:
        return self.amount.currency

    @property
    def moved(self) -> bool:
        return self.transaction is not None or self.receipt_id is not None

    @property
    def came_in(self) -> bool:
        return self.transaction is None or self.transaction.action in MONEY_IN

    @property
    def overdrawn(self) -> bool:
        """More of the receipt is allocated than it holds."""
        return self.came_in and self.receipt_id is not None and self.allocated.minor > self.amount.minor

    @property
    def owing(self) -> Bill | None:
        """The intended invoice, if anything of it is still to be paid."""
        return self.intended if self.intended is not None and self.intended.balance.minor > 0 else None


class Found(Value):
    cases: tuple[Case, ...]
    bills: tuple[Bill, ...]


def of(
    payment_order_ids: Collection[int], *, invoice_ids: Collection[int] = (), receipt_ids: Collection[int] = ()
) -> Found:
    """The cases of these payment orders, newest first, and every invoice they touch; `invoice_ids`, what pays them and
    what came for them are looked at in any case, and so are `receipt_ids`."""
    ids = list(payment_order_ids)
    orders = {r.id: r for r in read_columns(_payment_orders(ids))}
    transactions = read_columns(_transactions(ids)).all()
    alone = read_columns(_receipts_alone(ids, list(invoice_ids), list(receipt_ids))).all()
    applied = _applied(ids, [r.id for r in alone])
    touched = {i for parts in applied.values() for i in parts} | {r.invoice_id for r in orders.values() if r.invoice_id}
    bills = bills_of(touched | set(invoice_ids))
    whole = _wholly_invoiced(orders.values())
    made = _Maker(orders, applied, bills, whole)
    captured = {t.payment_order_id for t in transactions if t.action in MONEY_IN} | {r.payment_order_id for r in alone}
    cases = [
        *(made.of_transaction(t) for t in transactions),
        *(made.of_receipt(r) for r in alone),
        *(made.not_captured(row) for row in orders.values() if row.id not in captured),
    ]
    return Found(tuple(cases), tuple(bills.values()))


def of_transaction(transaction: Transaction) -> Case:
    """The case of this one transaction, as the database has it now. Inside a transaction, what is pending is
    flushed first by the caller."""
    found = of([transaction.payment_order_id]).cases
    return next(c for c in found if c.transaction is not None and c.transaction.id == transaction.id)


def of_receipt(receipt: Receipt) -> Case:
    """As `of_transaction`, of money that came without a gateway."""
    ids = [receipt.payment_order_id] if receipt.payment_order_id is not None else []
    return next(c for c in of(ids, receipt_ids=[receipt.id]).cases if c.receipt_id == receipt.id)


def bills_of(ids: Iterable[int]) -> dict[int, Bill]:
    columns = (Invoice.id, Invoice.number, Invoice.status, Invoice.gross, Invoice.currency, Invoice.due_date)
    query = select(*columns, *figures.columns()).where(Invoice.id.in_(list(ids))).order_by(Invoice.id)
    return {
        r.id: Bill(r.id, r.number, r.status, r.currency, figures.of_row(r), r.due_date) for r in read_columns(query)
    }


class _Maker:
    def __init__(
        self,
        orders: dict[int, Row[Any]],
        applied: dict[int, dict[int, int]],
        bills: dict[int, Bill],
        whole: dict[int, bool],
    ) -> None:
        self.orders, self.applied, self.bills, self.whole = orders, applied, bills, whole

    def of_transaction(self, row: Row[Any]) -> Case:
        order = self.orders[row.payment_order_id]
        return self._case(order, row, row.receipt_id, row.receipt, Money(row.amount, row.currency), row.at)

    def of_receipt(self, row: Row[Any]) -> Case:
        order = self.orders.get(row.payment_order_id)
        amount = Money(row.amount, row.currency)
        follows = row if row.processing_id is not None else None
        return self._case(order, None, row.id, row.number, amount, row.at, rest=row.rest, follows=follows)

    def not_captured(self, order: Row[Any]) -> Case:
        return self._case(order, None, None, None, Money(order.amount, order.currency), None)

    def _case(
        self,
        order: Row[Any] | None,
        transaction: Row[Any] | None,
        receipt_id: int | None,
        receipt: str | None,
        amount: Money,
        at: datetime | None,
        rest: int | None = None,
        follows: Row[Any] | None = None,
    ) -> Case:
        parts = self.applied.get(receipt_id or 0, {})
        alone = amount.minor - sum(parts.values())
        unapplied = order.received - order.applied if order is not None else alone
        free = max(min(alone, unapplied if rest is None else rest), 0) if receipt_id is not None else 0
        intended = self.bills.get(order.invoice_id) if order is not None and order.invoice_id else None
        touched = {i: self.bills[i] for i in sorted(parts)} | ({intended.id: intended} if intended else {})
        return Case(
            payment_order=order,
            transaction=transaction,
            follows=transaction if transaction is not None else follows,
            receipt_id=receipt_id,
            receipt=receipt,
            amount=amount,
            at=at,
            free=Money(free, amount.currency),
            part_given_back=0 < free < alone,
            allocated=Money(sum(parts.values()), amount.currency),
            counts=order is not None and _counts(order),
            invoiced=order is not None and order.order_id in self.whole,
            wanted=order is not None and bool(self.whole.get(order.order_id)),
            intended=intended,
            bills=tuple(touched.values()),
        )


def _counts(row: Row[Any]) -> bool:
    """As post-processing sees it: money that came too late stays unapplied until somebody decides."""
    if row.status is PaymentOrderStatus.CANCELLED or row.order_status is OrderStatus.CANCELLED:
        return False
    return row.order_id is None or not row.first or row.edition == row.order_edition


def _whole(query: Any) -> ColumnElement[int]:
    return cast(func.coalesce(query.scalar_subquery(), 0), BigInteger)


def _payment_orders(ids: list[int]) -> Any:
    own = PaymentOrder
    received = select(func.sum(Receipt.amount)).where(Receipt.payment_order_id == own.id).correlate(own)
    applied = (
        select(func.sum(Allocation.amount))
        .join(Receipt, Receipt.id == Allocation.receipt_id)
        .where(Receipt.payment_order_id == own.id)
        .correlate(own)
    )
    invoiced = (
        select(func.sum(Invoice.gross))
        .where(Invoice.order_id == own.order_id, Invoice.number.is_not(None))
        .correlate(own)
    )
    last = select(func.max(Attempt.id)).where(Attempt.payment_order_id == own.id).correlate(own).scalar_subquery()
    proven = select(func.count(Transaction.id)).where(Transaction.payment_order_id == own.id).correlate(own)
    return (
        select(
            *(own.id, own.number, own.status, own.first, own.edition, own.amount, own.currency),
            *(own.invoice_id, own.order_id, own.account_id),
            SalesOrder.number.label("order_number"),
            SalesOrder.status.label("order_status"),
            SalesOrder.edition.label("order_edition"),
            SalesOrder.prices_include_tax,
            _whole(received).label("received"),
            _whole(applied).label("applied"),
            _whole(invoiced).label("invoiced"),
            _whole(proven).label("proven"),
            ledger.held().label("held"),
            Attempt.id.label("attempt_id"),
            Attempt.status.label("attempt"),
        )
        .outerjoin(SalesOrder, SalesOrder.id == own.order_id)
        .outerjoin(Attempt, Attempt.id == last)
        .where(own.id.in_(ids))
        .order_by(own.id.desc())
    )


def _transactions(ids: list[int]) -> Any:
    own, after = Transaction, PostProcessing
    return (
        select(
            *(own.id, own.payment_order_id, own.action, own.amount, own.currency, own.provider_id, own.at),
            Receipt.id.label("receipt_id"),
            Receipt.number.label("receipt"),
            *(after.id.label("processing_id"), after.done_at, after.step, after.error, after.tries),
        )
        .outerjoin(Receipt, Receipt.transaction_id == own.id)
        .outerjoin(after, after.transaction_id == own.id)
        .where(own.payment_order_id.in_(ids), own.action.in_(FOLLOWED))
        .order_by(own.id.desc())
    )


def _receipts_alone(ids: list[int], invoice_ids: list[int], receipt_ids: list[int]) -> Any:
    """Money that no gateway moved: its receipt is the first there is of it."""
    paying = select(Allocation.receipt_id).where(Allocation.invoice_id.in_(invoice_ids))
    came_for = or_(Receipt.payment_order_id.in_(ids), Receipt.invoice_id.in_(invoice_ids), Receipt.id.in_(paying))
    after = PostProcessing
    return (
        select(
            *(Receipt.id, Receipt.number, Receipt.payment_order_id, Receipt.amount, Receipt.currency, Receipt.at),
            figures.rest().label("rest"),
            *(after.id.label("processing_id"), after.done_at, after.step, after.error, after.tries),
        )
        .outerjoin(after, after.receipt_id == Receipt.id)
        .where(Receipt.transaction_id.is_(None), Receipt.parent_id.is_(None))
        .where(came_for | Receipt.id.in_(receipt_ids))
        .order_by(Receipt.id.desc())
    )


def _applied(ids: list[int], receipt_ids: list[int]) -> dict[int, dict[int, int]]:
    """Minor units by receipt and invoice."""
    query: Any = (
        select(Allocation.receipt_id, Allocation.invoice_id, Allocation.amount)
        .join(Receipt, Receipt.id == Allocation.receipt_id)
        .where(or_(Receipt.payment_order_id.in_(ids), Receipt.id.in_(receipt_ids)))
    )
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for row in read_columns(query):
        found[row.receipt_id][row.invoice_id] = found[row.receipt_id].get(row.invoice_id, 0) + row.amount
    return found


def _wholly_invoiced(payment_orders: Iterable[Row[Any]]) -> dict[int, bool]:
    """The orders whose invoices come to all that they are worth, and whether these want money; asked only of money that
    has no invoice yet."""
    open_ended = {r.order_id: r for r in payment_orders if r.order_id is not None and r.invoice_id is None}
    own = OrderLine
    columns = (own.order_id, own.quantity, own.unit_price, own.discount_percent, own.tax_rate)
    lines: dict[int, list[Row[Any]]] = defaultdict(list)
    for line in read_columns(select(*columns).where(own.order_id.in_(list(open_ended)))) if open_ended else ():
        lines[line.order_id].append(line)
    return {
        id: bool(ledger.payable(id))
        for id, row in open_ended.items()
        if row.invoiced >= totals_of(lines[id], row.currency, row.prices_include_tax).gross.minor
    }


WAITING = (AttemptStatus.STARTED, AttemptStatus.PENDING, AttemptStatus.UNKNOWN)
