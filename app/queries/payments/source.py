"""What asks for a payment, as the rooms of a payment order see it: its sales order, or a period of an agreement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy import Row

from ...models import User
from ...money import Money
from ..orders.actions import Offers
from ..orders.payment_facts import PaymentOrderFacts
from ..orders.unapplied import Unapplied
from ..routes import Way


class Source(Protocol):
    """`row` names it and its customer: `number`, `currency`, `account_name`, `account_number`, `contact_name` …"""

    row: Row[Any]
    reader: User
    now: datetime
    today: date

    def money(self, minor: int) -> Money: ...

    def way_of(self, amount: Money, chosen: int | None = None) -> Way | None: ...

    @property
    def actions(self) -> Offers: ...

    @property
    def payment_orders(self) -> list[PaymentOrderFacts]: ...

    @property
    def attempts(self) -> Sequence[Row[Any]]: ...

    @property
    def documents(self) -> Sequence[Row[Any]]: ...

    @property
    def methods(self) -> Sequence[Row[Any]]: ...

    @property
    def confirming(self) -> bool: ...

    @property
    def held_by_customer(self) -> bool: ...

    @property
    def waiting(self) -> str | None: ...

    @property
    def unapplied(self) -> Unapplied | None: ...
