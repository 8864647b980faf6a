"""The order page: every panel's view from one set of facts, so that page and fragment cannot drift."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import fulfillment, lines, next_step, payment, pdf, rail, recurring, summary, timeline
from .facts import Facts
from .views import OrderPage

PANELS: dict[str, Callable[..., Any]] = {
    "summary": summary.view,
    "lines": lines.view,
    "payment": payment.view,
    "recurring": recurring.view,
    "shipping": fulfillment.shipping,
    "pdf": pdf.view,
    "fulfillment": fulfillment.view,
    "timeline": timeline.view,
}


def view(facts: Facts) -> OrderPage:
    """Everything at once; nine statements, whatever is on the order."""
    panels = {name: build(facts) for name, build in PANELS.items()}
    return OrderPage(order=summary.head(facts), next_step=next_step.view(facts), rail=rail.view(facts), **panels)
