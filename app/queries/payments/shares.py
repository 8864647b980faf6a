"""What each line of an order has of its total, and what of that a payment order names already."""

from __future__ import annotations

from sqlalchemy import func, select

from ...db import db
from ...formatting import quantity
from ...models import PaymentOrder, PaymentOrderLine, SalesOrder
from ...money import Money
from ...money import shares as split
from ...states.payment_order import PaymentOrderStatus
from ...values import Value


class Share(Value):
    """Of one line: its part of the total, tax included, and what of that no payment order asks for by name. What is
    asked for without naming lines, such as a deposit, is no line's."""

    line_id: int
    words: str
    whole: Money
    left: Money


def of_order(order: SalesOrder) -> list[Share]:
    """One statement beside the order's lines."""
    named, currency = _named(order.id), order.currency
    wholes = split([x.priced for x in order.lines], currency, prices_include_tax=order.prices_include_tax)
    return [
        Share(
            line_id=line.id,
            words=f"{quantity(line.quantity)} × {line.description}"[:500],
            whole=whole,
            left=max(whole - Money(named.get(line.id, 0), currency), Money.zero(currency)),
        )
        for line, whole in zip(order.lines, wholes, strict=True)
    ]


def _named(order_id: int) -> dict[int, int]:
    query = (
        select(PaymentOrderLine.order_line_id, func.sum(PaymentOrderLine.amount))
        .join(PaymentOrder, PaymentOrder.id == PaymentOrderLine.payment_order_id)
        .where(PaymentOrder.order_id == order_id, PaymentOrder.status != PaymentOrderStatus.CANCELLED)
        .group_by(PaymentOrderLine.order_line_id)
    )
    return {line_id: int(minor) for line_id, minor in db.session.execute(query) if line_id is not None}
