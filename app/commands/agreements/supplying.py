"""What the customer receives by an agreement. For the lines of an order the order makes its subscriptions and starts
them; for those of an agreement by hand this does. Inside a transaction, agreement held."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, or_, select

from ... import clock
from ...db import db
from ...models import SYSTEM, Actor, PaymentAgreement, Subscription
from ...states.agreement import AgreementStatus
from ...states.subscription import SubscriptionEvent, SubscriptionStatus


def begin(row: PaymentAgreement, *, by: Actor) -> None:
    """From its first day on, or from today in a trial that is not over."""
    today = clock.today(row.zone)
    tried = row.trial_ends_on is not None and today <= row.trial_ends_on
    starts_on = today if tried else row.anchor
    for line in (x for x in row.lines if x.order_line_id is None):
        made = Subscription(
            agreement_id=row.id,
            agreement_line_id=line.id,
            account_id=row.account_id,
            sku=line.sku,
            description=line.description,
            quantity=line.quantity,
            frequency=row.frequency,
            starts_on=starts_on,
            ends_on=row.ends_on,
        )
        db.session.add(made)
    db.session.flush()
    start(row, today, by=by)


def waiting(today: date) -> ColumnElement[bool]:
    """Beside an agreement: something of it is to be received from today or before, and is not."""
    mine = select(Subscription.id).where(Subscription.agreement_id == PaymentAgreement.id, *_due(today))
    return (PaymentAgreement.status != AgreementStatus.PAUSED) & mine.exists()


def _due(today: date) -> tuple[ColumnElement[bool], ...]:
    return (
        Subscription.agreement_line_id.is_not(None),
        Subscription.status == SubscriptionStatus.SCHEDULED,
        Subscription.starts_on <= today,
        or_(Subscription.ends_on.is_(None), Subscription.ends_on >= today),
    )


def start(row: PaymentAgreement, today: date, *, by: Actor = SYSTEM) -> bool:
    """Nothing of an agreement that is paused."""
    if row.status is AgreementStatus.PAUSED:
        return False
    mine = select(Subscription).where(Subscription.agreement_id == row.id, *_due(today)).order_by(Subscription.id)
    found = db.session.scalars(mine).all()
    for subscription in found:
        subscription.transition(SubscriptionEvent.START, by=by, item=subscription.description)
    return bool(found)


def follow(row: PaymentAgreement) -> None:
    """As many are received as are agreed; what has not begun does so with the first period, on the day that has now."""
    by_line = {line.id: line for line in row.lines} | {("order", line.order_line_id): line for line in row.lines}
    for subscription in db.session.scalars(select(Subscription).where(Subscription.agreement_id == row.id)):
        line = by_line.get(subscription.agreement_line_id or ("order", subscription.order_line_id))
        if line is not None:
            subscription.quantity = line.quantity
        by_hand, waits = subscription.agreement_line_id is not None, subscription.status is SubscriptionStatus.SCHEDULED
        if by_hand and waits and row.anchor_period == row.first_period:
            subscription.starts_on = row.anchor
