"""The payment panel's rows: payment orders with their figures and latest checkout, attempts with what they proved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, String, bindparam, case, cast, func, select
from sqlalchemy.orm import aliased

from ...db import read_columns
from ...models import (
    OFFLINE,
    Allocation,
    Attempt,
    CollectionMethod,
    Gateway,
    Invoice,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    PostProcessing,
    Receipt,
    SalesOrder,
    Transaction,
)
from ...states.attempt import AttemptStatus
from ...states.intent import IntentStatus
from ...states.payment_order import Figures, PaymentOrderStatus, PaymentStatus, derive
from ...values import Value
from .. import ledger
from ..nested import json_rows
from ..settlement import standing

MOST_ATTEMPTS = 50
THANKS = "receipt"
"""The mail whose link to a checkout asks for nothing any more."""


def _of_receipts(column: ColumnElement[int], *, allocated: bool = False) -> ColumnElement[int]:
    query = select(func.coalesce(func.sum(column), 0)).where(Receipt.payment_order_id == PaymentOrder.id)
    if allocated:
        query = query.join(Receipt, Receipt.id == Allocation.receipt_id)
    return query.correlate(PaymentOrder).scalar_subquery()


def _of_attempts(column: Any) -> Any:
    return select(column).where(Attempt.payment_order_id == PaymentOrder.id).correlate(PaymentOrder)


LAST_INTENT = (
    select(func.max(PaymentIntent.id))
    .where(PaymentIntent.payment_order_id == PaymentOrder.id)
    .correlate(PaymentOrder)
    .scalar_subquery()
)
LAST_MAIL = (
    select(func.max(OrderEmail.id))
    .where(OrderEmail.link_public_id == PaymentIntent.public_id, OrderEmail.kind != THANKS)
    .correlate(PaymentIntent)
    .scalar_subquery()
)
"""With the link of the latest checkout, whoever wrote it: the payment link, dunning, a reminder."""
TRIES = (
    select(func.count())
    .select_from(Attempt)
    .where(Attempt.intent_id == PaymentIntent.id)
    .correlate(PaymentIntent)
    .scalar_subquery()
)

OFFLINE_RECEIPTS = (
    select(
        json_rows(
            id=Receipt.id,
            number=Receipt.number,
            amount=Receipt.amount,
            received_on=Receipt.received_on,
            paid_with=Receipt.paid_with,
        )
    )
    .where(Receipt.payment_order_id == PaymentOrder.id, Receipt.kind.in_(OFFLINE))
    .correlate(PaymentOrder)
    .scalar_subquery()
)

_PAYMENT_ORDERS: Any = (
    select(
        PaymentOrder.id,
        PaymentOrder.number,
        PaymentOrder.purpose,
        PaymentOrder.first,
        PaymentOrder.status,
        PaymentOrder.amount,
        PaymentOrder.currency,
        PaymentOrder.due_date,
        PaymentOrder.collection,
        case((PaymentOrder.route_chosen, PaymentOrder.route_id)).label("chosen_route_id"),
        *ledger.columns(),
        _of_receipts(Receipt.amount).label("received"),  # type: ignore[arg-type]
        _of_receipts(Allocation.amount, allocated=True).label("allocated"),  # type: ignore[arg-type]
        OFFLINE_RECEIPTS.label("offline"),
        _of_attempts(Attempt.status).order_by(Attempt.id.desc()).limit(1).scalar_subquery().label("last_attempt"),
        _of_attempts(func.max(Attempt.id)).scalar_subquery().label("last_attempt_id"),
        PaymentIntent.id.label("intent_id"),
        PaymentIntent.status.label("intent_status"),
        PaymentIntent.purpose.label("intent_purpose"),
        PaymentIntent.expires_at,
        PaymentIntent.viewed_at,
        PaymentIntent.attempt_limit,
        TRIES.label("tries"),
        OrderEmail.id.label("mail_id"),
        OrderEmail.status.label("mail_status"),
        OrderEmail.recipients,
        OrderEmail.last_error,
        OrderEmail.created_at.label("mailed_at"),
    )
    .outerjoin(PaymentIntent, PaymentIntent.id == LAST_INTENT)
    .outerjoin(OrderEmail, OrderEmail.id == LAST_MAIL)
    .order_by(PaymentOrder.id.desc())
)
_OF_ORDER = PaymentOrder.order_id == bindparam("order_id")
_ALONE = PaymentOrder.id == bindparam("payment_order_id")
PAYMENT_ORDERS: Any = _PAYMENT_ORDERS.where(_OF_ORDER)
PAYMENT_ORDER: Any = _PAYMENT_ORDERS.where(_ALONE)

_Came = aliased(PaymentOrder)
BESIDE = (
    select(
        json_rows(
            id=Receipt.id,
            number=Receipt.number,
            received_on=Receipt.received_on,
            at=cast(Receipt.at, String),
            paid_with=Receipt.paid_with,
            invoice_id=Allocation.invoice_id,
            amount=Allocation.amount,
        )
    )
    .select_from(Allocation)
    .join(Invoice, Invoice.id == Allocation.invoice_id)
    .join(Receipt, Receipt.id == Allocation.receipt_id)
    .outerjoin(_Came, _Came.id == Receipt.payment_order_id)
    .where(Invoice.order_id == SalesOrder.id, _Came.order_id.is_(None) | (_Came.order_id != SalesOrder.id))
    .correlate(SalesOrder)
    .scalar_subquery()
)
"""What pays the order's invoices without having come for one of its payment orders, allocation by allocation."""

_ATTEMPTS: Any = standing.joined(
    select(
        Attempt.id,
        Attempt.public_id,
        Attempt.payment_order_id,
        Attempt.status,
        Attempt.amount,
        Attempt.currency,
        Attempt.card_label,
        Attempt.decline_code,
        Attempt.advice,
        Attempt.error,
        Attempt.actor_name,
        Attempt.actor_kind,
        Attempt.next_action,
        Attempt.created_at,
        Attempt.ask_at,
        Attempt.held_until,
        PaymentOrder.number.label("payment_order_number"),
        Gateway.name.label("gateway_name"),
        Transaction.id.label("transaction_id"),
        Transaction.action,
        Transaction.amount.label("transaction_amount"),
        Transaction.at,
        Transaction.provider_id,
        Transaction.reference,
        Receipt.id.label("receipt_id"),
        Receipt.number.label("receipt_number"),
        Receipt.amount.label("receipt_amount"),
        Receipt.at.label("receipt_at"),
        Receipt.paid_with,
        PostProcessing.id.label("post_processing_id"),
        PostProcessing.done_at,
        PostProcessing.step,
        PostProcessing.error.label("post_processing_error"),
        *standing.columns(),
    )
    .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
    .join(Gateway, Gateway.id == Attempt.gateway_id)
    .outerjoin(Transaction, Transaction.attempt_id == Attempt.id)
    .outerjoin(Receipt, Receipt.transaction_id == Transaction.id)
    .outerjoin(PostProcessing, PostProcessing.transaction_id == Transaction.id)
    .order_by(Attempt.id.desc(), Transaction.id.desc())
    .limit(MOST_ATTEMPTS)
)
ATTEMPTS: Any = _ATTEMPTS.where(_OF_ORDER)
ITS_ATTEMPTS: Any = _ATTEMPTS.where(_ALONE)


class PaymentOrderFacts(Value):
    """A payment order's row beside what is derived from it."""

    row: Row[Any]
    figures: Figures
    status: PaymentStatus

    @property
    def is_open(self) -> bool:
        return self.row.status is PaymentOrderStatus.OPEN and bool(self.figures.balance)

    @property
    def part(self) -> int:
        """Minor units that came without a gateway and wait for the rest, as commands see it."""
        here = self.figures.captured if not self.figures.authorized else 0
        return here if here == self.row.received - self.row.allocated else 0

    @property
    def wants_link(self) -> bool:
        by_link = self.row.collection is CollectionMethod.PAYMENT_LINK
        return self.is_open and by_link and self.row.intent_status is not IntentStatus.LIVE

    @property
    def counts(self) -> bool:
        """Cancelled ones count only for the money that they took."""
        return self.row.status is PaymentOrderStatus.OPEN or bool(self.figures.captured)


def payment_orders(order_id: int) -> list[PaymentOrderFacts]:
    """The order's payment orders, newest first; one statement."""
    return [_facts(row) for row in read_columns(PAYMENT_ORDERS, order_id=order_id)]


def attempts(order_id: int) -> Sequence[Row[Any]]:
    """The order's latest attempts, newest first, once for each transaction they made; one statement."""
    return read_columns(ATTEMPTS, order_id=order_id).all()


def payment_order(payment_order_id: int) -> PaymentOrderFacts:
    """One that is no order's own: it asks for a period of an agreement."""
    return _facts(read_columns(PAYMENT_ORDER, payment_order_id=payment_order_id).one())


def its_attempts(payment_order_id: int) -> Sequence[Row[Any]]:
    """The latest attempts of one payment order, as `attempts` has those of an order."""
    return read_columns(ITS_ATTEMPTS, payment_order_id=payment_order_id).all()


def _facts(row: Row[Any]) -> PaymentOrderFacts:
    cancelled = row.status is PaymentOrderStatus.CANCELLED
    figures = ledger.of_row(row)
    return PaymentOrderFacts(row, figures, derive(figures, row.last_attempt, cancelled=cancelled))


def in_sum(found: Iterable[PaymentOrderFacts]) -> tuple[Figures, PaymentStatus]:
    """What the order's payment orders come to together, and what a person is told of them."""
    counting = [x for x in found if x.counts]
    cancelled = [x for x in counting if x.row.status is PaymentOrderStatus.CANCELLED]
    figures = Figures(
        requested=sum(x.figures.captured if x in cancelled else x.figures.requested for x in counting),
        authorized=sum(x.figures.authorized for x in counting),
        captured=sum(x.figures.captured for x in counting),
        refunded=sum(x.figures.refunded for x in counting),
        disputed=sum(x.figures.disputed for x in counting),
        held=sum(x.figures.held for x in counting),
        contested=sum(x.figures.contested for x in counting),
    )
    return figures, derive(figures, _last_attempt(counting), cancelled=False)


def claimed(found: Iterable[PaymentOrderFacts]) -> int:
    """What they ask for, and what of theirs is here (minor units)."""
    return sum(x.figures.claims(cancelled=x.row.status is not PaymentOrderStatus.OPEN) for x in found)


def given_up(found: Iterable[PaymentOrderFacts], issued: Iterable[tuple[int, int]], gross: int) -> int:
    """What of the order's `gross` is neither due by its invoices, which are over so much and have so much due, nor left
    to invoice; and what is asked for or held."""
    invoices = list(issued)
    due = sum(open for _, open in invoices) + max(gross - sum(over for over, _ in invoices), 0)
    return gross - due + sum(x.figures.to_come for x in found if x.row.status is PaymentOrderStatus.OPEN)


def part_of_first(found: Iterable[PaymentOrderFacts]) -> int:
    return next((x.part for x in found if x.row.first and x.row.status is PaymentOrderStatus.OPEN), 0)


def _last_attempt(found: Sequence[PaymentOrderFacts]) -> AttemptStatus | None:
    tried = [x.row for x in found if x.row.last_attempt_id is not None]
    last = max(tried, key=lambda row: row.last_attempt_id, default=None)
    return last.last_attempt if last else None
