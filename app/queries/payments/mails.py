"""The mails that went to a customer for one payment order: its links, receipts and refunds, and dunning's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select, union_all
from sqlalchemy.orm import aliased

from ...mail.policy import TO_COLLEAGUES
from ...models import (
    DunningCase,
    DunningStep,
    Invoice,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    Receipt,
    ScheduledPayment,
    Transaction,
)

_Found = aliased(OrderEmail)


def to_customer(payment_order_id: int, *more: Any) -> ColumnElement[bool]:
    """A condition on OrderEmail. Each arm, and each of `more` ids beside them, is one look by index."""
    arms = (
        select(_Found.id)
        .join(PaymentIntent, PaymentIntent.public_id == _Found.link_public_id)
        .where(PaymentIntent.payment_order_id == payment_order_id),
        _about(Receipt, select(Receipt.id).where(Receipt.payment_order_id == payment_order_id)),
        _about(Transaction, select(Transaction.id).where(Transaction.payment_order_id == payment_order_id)),
        _about(DunningStep, _steps(payment_order_id)),
    )
    return OrderEmail.id.in_(union_all(*arms, *more)) & OrderEmail.kind.not_in(TO_COLLEAGUES)


def _about(model: Any, ids: Any) -> Any:
    return select(_Found.id).where(_Found.subject_kind == model.__tablename__, _Found.subject_id.in_(ids))


def about_invoice(payment_order_id: int) -> Any:
    """The mails of the very invoice that it pays, as one of `more`."""
    return _about(Invoice, select(PaymentOrder.invoice_id).where(PaymentOrder.id == payment_order_id))


def _steps(payment_order_id: int) -> Any:
    return (
        select(DunningStep.id)
        .join(DunningCase, DunningCase.id == DunningStep.case_id)
        .join(ScheduledPayment, ScheduledPayment.id == DunningCase.scheduled_payment_id)
        .join(PaymentOrder, PaymentOrder.id == ScheduledPayment.payment_order_id)
        .where(PaymentOrder.id == payment_order_id, DunningCase.agreement_id == PaymentOrder.agreement_id)
    )
