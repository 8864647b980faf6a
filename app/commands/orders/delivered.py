"""What of an order was delivered, line by line, as far as the order knows: goods by their counts, services and
downloads once they are active, what recurs by the days of its first period. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from ...cadence import Cadence
from ...errors import Refusal
from ...models import OrderLine, Routing, SalesOrder, Subscription
from ...money import Money, line_amount
from ...states.subscription import SubscriptionStatus
from ...values import Value

SHIPS = frozenset({Routing.WAREHOUSE, Routing.THIRD_PARTY})
DAY = timedelta(days=1)


class Days(NamedTuple):
    """The period that is paid for, both days included, and how many of its days were supplied, today included."""

    first: date
    last: date
    supplied: int

    @property
    def all(self) -> int:
        return (self.last - self.first).days + 1


class Supplied(Value):
    """A line of the order. `delivered` of its quantity is what counts; `recorded` is what the order itself knows of.
    Of what recurs it is the first period's days. `kept` is what the delivered part comes to, priced as the line is."""

    line_id: int
    description: str
    sku: str
    quantity: Decimal
    delivered: Decimal
    recorded: Decimal
    ships: bool
    days: Days | None
    amount: Money
    kept: Money

    @property
    def whole(self) -> bool:
        return self.kept == self.amount


def supplied(
    order: SalesOrder, said: Mapping[int, Decimal], subscriptions: Mapping[int, Subscription], today: date
) -> list[Supplied]:
    """`said`: the quantity of one-time lines by their id, where it is not what the order knows of.

    Raises Refusal: `foreign_line`, `more_than_ordered`, `less_than_recorded`.
    """
    one_time = {line.id for line in order.lines if line.frequency is None}
    if not set(said) <= one_time:
        raise Refusal("foreign_line", "This line is none of the order's that are delivered once.", status=422)
    return [
        _once(order, line, said.get(line.id))
        if line.frequency is None
        else _first_period(order, line, subscriptions.get(line.id), today)
        for line in order.lines
    ]


def _once(order: SalesOrder, line: OrderLine, said: Decimal | None) -> Supplied:
    """Goods count as delivered by the line's counts; a service or a download once the line is active."""
    ships = line.routing in SHIPS
    recorded = max(line.fulfilled - line.returned, Decimal(0)) if ships else _if_active(line)
    quantity = recorded if said is None else said
    _refuse_unless_possible(line, quantity, recorded if ships else Decimal(0))
    kept = line_amount(line.priced._replace(quantity=quantity), order.currency)
    facts = (line.id, line.description, line.sku, line.quantity, quantity, recorded, ships)
    return Supplied(*facts, days=None, amount=line.amount(order.currency), kept=kept)


def _if_active(line: OrderLine) -> Decimal:
    return line.quantity if line.activated_on is not None else Decimal(0)


def _refuse_unless_possible(line: OrderLine, quantity: Decimal, least: Decimal) -> None:
    if not 0 <= quantity <= line.quantity:
        raise Refusal(
            "more_than_ordered",
            "Between none and %(most)s of “%(line)s” can have been delivered.",
            status=422,
            most=f"{line.quantity.normalize():f}",
            line=line.description,
        )
    if quantity < least:
        raise Refusal(
            "less_than_recorded",
            "%(least)s of “%(line)s” are recorded as delivered.",
            "Enter at least as many.",
            status=422,
            least=f"{least.normalize():f}",
            line=line.description,
        )


def _first_period(order: SalesOrder, line: OrderLine, row: Subscription | None, today: date) -> Supplied:
    """The order itself bills the first period; those after it have invoices of their own."""
    if line.frequency is None or row is None:
        days = Days(today + DAY, today + DAY, 0)
    else:
        last = Cadence(line.frequency).day(row.starts_on, 1) - DAY
        if row.status is SubscriptionStatus.ENDED and row.ends_on is not None:  # before its time
            today = min(today, row.ends_on)
        else:
            last = min(last, row.ends_on or last)
        days = until(row.starts_on, last, today)
    amount = line.amount(order.currency)
    facts = (line.id, line.description, line.sku, line.quantity, line.quantity, line.quantity, False)
    return Supplied(*facts, days=days, amount=amount, kept=part(amount, days))


def until(first: date, last: date, today: date) -> Days:
    last = max(last, first)
    return Days(first, last, min(max((today - first).days + 1, 0), (last - first).days + 1))


def part(amount: Money, days: Days) -> Money:
    """By days, as a period that the end of a term cuts short."""
    return amount.allocate([days.supplied, days.all - days.supplied])[0]
