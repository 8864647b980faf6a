"""The shipping and fulfillment panels: where it goes and where it comes from."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ....values import Value
from .action import Action
from .lines import LineView


class ShippingView(Value):
    """`ships`: anything on the order goes out of a warehouse at all. Tracking rows follow with fulfillment."""

    ships: bool
    status: str
    address: tuple[str, ...]
    billing_address: tuple[str, ...]
    items: tuple[LineView, ...]
    edit: Action | None = None


class RouteView(Value):
    """The lines that one route delivers."""

    routing: str
    lines: tuple[LineView, ...]


class SubscriptionView(Value):
    description: str
    status: str
    frequency: str
    quantity: Decimal
    starts_on: date
    ends_on: date | None


class FulfillmentView(Value):
    status: str
    sync_status: str
    routes: tuple[RouteView, ...]
    subscriptions: tuple[SubscriptionView, ...]
