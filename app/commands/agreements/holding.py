"""Holding an agreement: whoever moves one holds its account first, so that its outcomes wait for each other there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import bindparam, func, select, true
from sqlalchemy.orm import selectinload

from ...db import db, get, lock, lock_all, read_columns
from ...models import Account, Actor, PaymentAgreement, SalesOrder, ScheduledPayment, Subscription
from ...states.agreement import AgreementStatus
from ...states.scheduled_payment import ScheduledStatus
from ...states.subscription import SubscriptionEvent, SubscriptionStatus

CHAINS = select(PaymentAgreement.account_id, PaymentAgreement.order_id).where(
    PaymentAgreement.id.in_(bindparam("agreement_ids_", expanding=True))
)


def hold(agreement_id: int) -> PaymentAgreement:
    """Account, order, agreement, in the fixed order. Inside a transaction. Raises NotFound."""
    found = get(PaymentAgreement, agreement_id)
    lock(Account, found.account_id)
    if found.order_id is not None:
        lock(SalesOrder, found.order_id)
    return lock(PaymentAgreement, agreement_id)


def hold_all(agreement_ids: Sequence[int]) -> Sequence[PaymentAgreement]:
    """As hold(), many at once, with what they consist of; what is gone is left out."""
    chain: Any = read_columns(CHAINS, agreement_ids_=list(agreement_ids)).all()
    lock_all(Account, (row.account_id for row in chain))
    lock_all(SalesOrder, (row.order_id for row in chain))
    return lock_all(PaymentAgreement, agreement_ids, selectinload(PaymentAgreement.lines))


def payments(agreement: PaymentAgreement, *statuses: ScheduledStatus) -> Sequence[ScheduledPayment]:
    """Its scheduled payments of these statuses, in their order, as they are now."""
    mine = select(ScheduledPayment).where(
        ScheduledPayment.agreement_id == agreement.id, ScheduledPayment.status.in_(statuses)
    )
    fresh = mine.order_by(ScheduledPayment.period).execution_options(populate_existing=True)
    return db.session.scalars(fresh).all()


def start_subscriptions(order: SalesOrder, today: date, *, by: Actor) -> None:
    """What is to be received of an active order from today or before; nothing of an agreement that is paused. Inside a
    transaction, order locked."""
    ready = (
        select(Subscription)
        .outerjoin(PaymentAgreement, PaymentAgreement.id == Subscription.agreement_id)
        .where(Subscription.order_id == order.id, Subscription.starts_on <= today)
        .where(Subscription.status == SubscriptionStatus.SCHEDULED)
        .where(func.coalesce(PaymentAgreement.status != AgreementStatus.PAUSED, true()))
    )
    for row in db.session.scalars(ready.order_by(Subscription.id)):
        row.transition(SubscriptionEvent.START, by=by, item=row.description)


def move_subscriptions(
    agreement: PaymentAgreement, event: SubscriptionEvent, *, by: Actor, because: str | None = None
) -> None:
    """What the customer receives follows the agreement, in the same transaction."""
    mine = select(Subscription).where(Subscription.agreement_id == agreement.id).order_by(Subscription.id)
    for row in db.session.scalars(mine.execution_options(populate_existing=True)):
        if row.can(event):
            if event is SubscriptionEvent.END and agreement.last_day is not None:
                row.end_by(agreement.last_day)
            row.transition(event, by=by, because=because, item=row.description)
