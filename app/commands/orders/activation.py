"""From booked to active: the order, its lines on their own dates, and the subscriptions they start."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import or_, select

from ... import jobs
from ...cadence import end_of_term
from ...db import db, end_read, lock, transaction
from ...models import SYSTEM, Actor, OrderLine, SalesOrder, Subscription
from ...queries.calendar import selling_day
from ...states.order import OrderEvent, OrderStatus
from ..agreements import agreements, holding


def activate_or_schedule(order: SalesOrder, *, by: Actor) -> None:
    """A booked order becomes active, or scheduled when its start lies ahead. Inside a transaction, order locked."""
    today = selling_day()
    if order.start_date is not None and order.start_date > today:
        order.transition(OrderEvent.SCHEDULE, by=by, starts=order.start_date.isoformat())
    else:
        order.transition(OrderEvent.ACTIVATE, by=by)
        order.activated_on = today
    start_lines(order, today, by=by)


def start_lines(order: SalesOrder, today: date, *, by: Actor) -> None:
    """Lines whose date has come are activated; each recurring line has its subscription, once, and each schedule its
    payment agreement."""
    active = order.status in (OrderStatus.ACTIVATED, OrderStatus.COMPLETED)
    started: list[str] = []
    for line in order.lines:
        starts = starts_on(order, line, today)
        if line.frequency is not None:
            _subscribe(order, line, starts, by=by)
        if active and line.activated_on is None and starts <= today:
            line.activated_on = starts
            started.append(line.description)
    agreements.for_order(order, by=by)
    if started:
        order.record("lines_activated", by=by, lines=started)
    if active:
        holding.start_subscriptions(order, today, by=by)


def starts_on(order: SalesOrder, line: OrderLine, today: date) -> date:
    """A line's own date, never before the order's; else the order's; else today."""
    start = order.start_date or order.activated_on or today
    return max(line.activation_date, start) if line.activation_date else start


def _subscribe(order: SalesOrder, line: OrderLine, starts: date, *, by: Actor) -> None:
    if line.frequency is None or db.session.scalar(
        select(Subscription.id).where(Subscription.order_line_id == line.id)
    ):
        return
    row = Subscription(
        order_id=order.id,
        order_line_id=line.id,
        account_id=order.account_id,
        sku=line.sku,
        description=line.description,
        quantity=line.quantity,
        frequency=line.frequency,
        starts_on=starts,
        ends_on=None if order.term_months is None else end_of_term(starts, order.term_months),
    )
    db.session.add(row)
    row.record("created", by=by, item=row.description)


def start_due() -> int:
    """Scheduled orders whose start has come, and lines of active orders whose own date has. Returns how many orders."""
    today = selling_day()
    active = SalesOrder.status == OrderStatus.ACTIVATED
    waiting_line = (
        select(OrderLine.id)
        .where(
            OrderLine.order_id == SalesOrder.id, OrderLine.activated_on.is_(None), OrderLine.activation_date <= today
        )
        .exists()
    )
    due = db.session.scalars(
        select(SalesOrder.id).where(
            or_((SalesOrder.status == OrderStatus.SCHEDULED) & (SalesOrder.start_date <= today), active & waiting_line)
        )
    ).all()
    end_read()
    return jobs.each("activation.start_due", due, lambda order_id: _start(order_id, today))


def _start(order_id: int, today: date) -> bool:
    with transaction():
        order = lock(SalesOrder, order_id)
        if order.can(OrderEvent.START_REACHED):
            order.transition(OrderEvent.START_REACHED, by=SYSTEM)
            order.activated_on = today
        if order.status is not OrderStatus.ACTIVATED:
            return False
        start_lines(order, today, by=SYSTEM)
        return True


@jobs.tick("activation.start_due", every=timedelta(minutes=5))
def _tick() -> None:
    start_due()
