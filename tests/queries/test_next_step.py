"""The words beside the next step, where an order's page alone would not show them all."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from app.money import Money
from app.queries.orders import next_step
from app.queries.orders.facts import InvoiceFacts
from app.queries.orders.next_best_action import Story
from app.states.order import OrderStatus
from tests import factories

DAY = date(2026, 3, 1)


@pytest.fixture(autouse=True)
def company(app: Flask) -> None:
    factories.company()


def bill(number: str | None, open: int, due: date, status: str = "overdue") -> InvoiceFacts:
    return InvoiceFacts(1, number, status, Money(10_000, "EUR"), Money(open, "EUR"), due, due)


def told(story: Story, *invoices: InvoiceFacts, status: OrderStatus = OrderStatus.ACTIVATED) -> tuple[str, str | None]:
    row = SimpleNamespace(currency="EUR", status=status, start_date=date(2026, 4, 2))
    facts: Any = SimpleNamespace(invoices=list(invoices), row=row, today=DAY)
    return next_step.TELL[story](facts)[:2]


def test_what_is_overdue_on_several_invoices_is_added_up() -> None:
    found = (bill("INV-2", 300, date(2026, 2, 9)), bill("INV-1", 200, date(2026, 2, 7)), bill("INV-3", 0, DAY))
    later = bill("INV-4", 900, date(2026, 3, 9), "issued")
    sentence, _detail = told(Story.OVERDUE, *found, later, bill(None, 700, DAY))
    assert sentence == "€5.00 of 2 invoices is overdue, the first since 7 Feb 2026."


def test_of_what_is_due_later_the_first_is_named_beside_the_start() -> None:
    found = (bill("INV-2", 300, date(2026, 3, 9), "issued"), bill("INV-1", 200, date(2026, 3, 7), "issued"))
    assert told(Story.INVOICED, *found) == ("€2.00 of INV-1 is due on 7 Mar 2026.", None)
    _sentence, detail = told(Story.INVOICED, *found, status=OrderStatus.SCHEDULED)
    assert detail == "Everything is set; the order starts on 2 Apr 2026."
