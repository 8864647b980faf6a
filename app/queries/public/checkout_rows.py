"""The statements behind a checkout's page, built once: putting one together costs more than running it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, func, select
from sqlalchemy.orm import aliased

from ...models import (
    Account,
    Approval,
    Attempt,
    PaymentIntent,
    PaymentOrder,
    PaymentOrderLine,
    Receipt,
    SalesOrder,
    Snapshot,
    Transaction,
)
from ...states.intent import IntentStatus
from .. import ledger
from ..nested import json_rows

# The lines of the order that a payment order names.
NAMED = (
    select(json_rows(id=PaymentOrderLine.id, words=PaymentOrderLine.description, amount=PaymentOrderLine.amount))
    .where(PaymentOrderLine.payment_order_id == PaymentOrder.id, PaymentOrderLine.order_line_id.is_not(None))
    .correlate(PaymentOrder)
    .scalar_subquery()
)


def _tries() -> ColumnElement[int]:
    other = aliased(Attempt)
    mine = select(func.count(other.id)).where(other.intent_id == PaymentIntent.id)
    return mine.correlate(PaymentIntent).scalar_subquery()


def _newest() -> ColumnElement[int]:
    """The live checkout of the payment order `id`, else its newest."""
    other = aliased(PaymentIntent)
    return (
        select(other.id)
        .where(other.payment_order_id == bindparam("id"))
        .order_by(case((other.status == IntentStatus.LIVE, 0), else_=1), other.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _select() -> Any:
    last_attempt = (
        select(func.max(Attempt.id))
        .where(Attempt.payment_order_id == PaymentOrder.id)
        .correlate(PaymentOrder)
        .scalar_subquery()
    )
    return (
        select(
            PaymentOrder.id.label("payment_order_id"),
            PaymentOrder.number,
            PaymentOrder.purpose,
            NAMED.label("lines"),
            PaymentOrder.amount.label("requested"),
            PaymentOrder.status.label("payment_order_status"),
            PaymentOrder.first,
            PaymentIntent.id.label("intent_id"),
            PaymentIntent.public_id.label("intent_public_id"),
            PaymentIntent.generation,
            PaymentIntent.purpose.label("intent_purpose"),
            PaymentIntent.status.label("intent_status"),
            PaymentIntent.amount,
            PaymentIntent.currency,
            PaymentIntent.edition,
            PaymentIntent.expires_at,
            PaymentIntent.attempt_limit,
            SalesOrder.id.label("order_id"),
            SalesOrder.number.label("order_number"),
            SalesOrder.status.label("order_status"),
            Account.name.label("account_name"),
            Account.hold_reason,
            Attempt.status.label("attempt_status"),
            Attempt.card_label,
            Attempt.decline_code,
            Attempt.advice,
            Attempt.error,
            Attempt.next_action,
            ledger.captured().label("captured"),
            ledger.held().label("held"),
            _tries().label("tries"),
        )
        .join(PaymentOrder, PaymentOrder.id == PaymentIntent.payment_order_id)
        .join(Account, Account.id == PaymentOrder.account_id)
        .outerjoin(SalesOrder, SalesOrder.id == PaymentOrder.order_id)
        .outerjoin(Attempt, Attempt.id == last_attempt)
    )


BY_LINK = _select().where(PaymentIntent.public_id == bindparam("public_id"))
OF_PAYMENT_ORDER = _select().where(PaymentIntent.id == _newest())
NEWEST_RECEIPT = (
    select(
        Receipt.id,
        Receipt.number,
        Receipt.amount,
        Receipt.currency,
        Receipt.paid_with,
        Receipt.at,
        Attempt.receipt_email,
        PaymentOrder.invoice_id,
    )
    .join(PaymentOrder, PaymentOrder.id == Receipt.payment_order_id)
    .outerjoin(Transaction, Transaction.id == Receipt.transaction_id)
    .outerjoin(Attempt, Attempt.id == Transaction.attempt_id)
    .where(Receipt.payment_order_id == bindparam("id"), Receipt.amount > 0)
    .order_by(Receipt.id.desc())
    .limit(1)
)
SIGNED_TERMS = (
    select(Snapshot.content)
    .join(Approval, Approval.snapshot_id == Snapshot.id)
    .where(Approval.payment_order_id == bindparam("id"))
    .order_by(Approval.id.desc())
    .limit(1)
)
