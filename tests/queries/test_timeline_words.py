"""Whatever moves an order is told in words."""

from __future__ import annotations

from app.queries.orders.happenings import HISTORY
from app.states.order import OrderEvent


def test_every_event_of_an_order_has_words() -> None:
    assert {("sales_order", str(event)) for event in OrderEvent} <= set(HISTORY)
