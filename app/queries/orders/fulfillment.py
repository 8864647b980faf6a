"""The fulfillment and shipping panels, as far as they are true: routing, quantities, subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models import Due, Routing
from ...states.order import OrderStatus
from .parties import address
from .views import FulfillmentView, LineView, RouteView, ShippingView, SubscriptionView

if TYPE_CHECKING:
    from .facts import Facts, PlanStep

SYNC = "not_sent"
"""What the provider knows; nothing is sent to one yet."""

ADDRESS_MOVES = frozenset(OrderStatus) - {OrderStatus.CANCELLED, OrderStatus.COMPLETED}


def view(facts: Facts) -> FulfillmentView:
    return FulfillmentView(
        status=status(facts),
        sync_status=SYNC,
        routes=_routes(facts.line_views),
        subscriptions=tuple(_subscriptions(facts)),
    )


def shipping(facts: Facts) -> ShippingView:
    items = _items(facts)
    packed = any(line.packed for line in items)
    return ShippingView(
        ships=bool(items),
        status=status(facts),
        address=address(facts.row, "shipping"),
        billing_address=address(facts.row, "billing"),
        items=items,
        edit=None if packed else facts.actions.editing("edit_details", statuses=ADDRESS_MOVES),
    )


def status(facts: Facts) -> str:
    """How far the parcels are, read off the lines' counts."""
    items = _items(facts)
    if not items:
        return "none"
    if facts.row.status is OrderStatus.CANCELLED:
        return "cancelled"
    if all(x.fulfilled >= x.quantity for x in items):
        return "delivered"
    if any(x.shipped for x in items):
        return "shipped" if all(x.shipped >= x.quantity for x in items) else "part_shipped"
    return "packed" if all(x.packed >= x.quantity for x in items) else "unsent"


def is_due(facts: Facts, step: PlanStep) -> bool:
    """Whether an instalment is due by today; what is due at delivery waits for all of it."""
    if step.due is Due.DATE:
        return step.due_date is not None and step.due_date <= facts.today
    return step.due is Due.SIGNATURE or status(facts) == "delivered"


def _items(facts: Facts) -> tuple[LineView, ...]:
    return tuple(x for x in facts.line_views if x.ships)


def _routes(lines: tuple[LineView, ...]) -> tuple[RouteView, ...]:
    grouped = ((routing, tuple(x for x in lines if x.routing == routing)) for routing in Routing)
    return tuple(RouteView(routing, found) for routing, found in grouped if found)


def _subscriptions(facts: Facts) -> list[SubscriptionView]:
    return [
        SubscriptionView(x.description, x.subscription_status, x.frequency, x.quantity, x.starts_on, x.ends_on)
        for x in facts.lines
        if x.subscription_status is not None
    ]
