"""The first payment of an order: what is due at signature, asked for once, whatever was edited since."""

from __future__ import annotations

from ...errors import Refusal
from ...formatting import money
from ...models import Actor, PaymentOrder, PaymentOrderLine, SalesOrder
from ...money import Money
from ...queries import ledger
from ...queries.receivables import figures
from . import payment_orders


def rest_at_signature(order: SalesOrder) -> Money:
    """The first payment less the part that came for it without a gateway, which counts under other terms too."""
    due, existing = payment_orders.due_at_signature(order), payment_orders.first_of(order.id)
    part = _part(existing) if existing is not None else 0
    return Money(max(due.minor - part, 0), order.currency)


def _part(row: PaymentOrder) -> int:
    """Minor units that came without a gateway and wait for the rest; none where any of it was used otherwise."""
    found = ledger.figures([row.id])[row.id]
    here = found.captured if not found.authorized else 0
    return here if here == figures.waiting(row.id) else 0


def open_first(order: SalesOrder, *, by: Actor) -> PaymentOrder | None:
    """The one open payment order for what is due at signature; None if nothing is. Inside a transaction, order locked.

    One made for other terms or another amount is cancelled and replaced; where a part came for it without a gateway,
    it takes the new terms over instead, so that only the rest is asked for. Raises Refusal `more_than_due` where what
    is requested beside it leaves less than that of the order's total, and `covered` where the part is all of it.
    """
    due, existing = payment_orders.due_at_signature(order), payment_orders.first_of(order.id)
    if existing is not None and due and existing.amount == due.minor and existing.edition == order.edition:
        return existing
    part = _part(existing) if existing is not None and due else 0
    if existing is not None and not part:
        payment_orders.withdraw(existing, by=by, because="The order changed")
    if not due:
        return None
    _refuse_beyond_total(order, due)
    if part >= due.minor:
        raise covered(due)
    share = "" if due == order.totals().gross else ", first part"
    purpose = f"First payment for order {order.number}{share}"
    if existing is not None and part:
        return _renew(existing, order, due, purpose=purpose, by=by)
    return payment_orders.add(order, due, purpose=purpose, by=by, first=True)


def _refuse_beyond_total(order: SalesOrder, due: Money) -> None:
    left = order.totals().gross - Money(ledger.claimed(order.id, beside_first=True), order.currency)
    if due > left:
        raise Refusal(
            "more_than_due",
            "%(amount)s are due at signature, but other payment orders leave only %(left)s of the order's total.",
            "Cancel a payment order that is still open, or change the payment plan.",
            amount=money(due),
            left=money(left),
        )


def covered(due: Money) -> Refusal:
    return Refusal(
        "covered",
        "As much came already for the first payment as is due at signature now: %(due)s.",
        "AR / finance pays it out or applies it first; then the first payment can be asked for.",
        due=money(due),
    )


def _renew(row: PaymentOrder, order: SalesOrder, due: Money, *, purpose: str, by: Actor) -> PaymentOrder:
    payment_orders.end_checkout(row, by=by, because="The order changed")
    row.edition, row.amount, row.purpose = order.edition, due.minor, purpose
    row.lines = [PaymentOrderLine(description=purpose, amount=due.minor)]
    row.record("renewed", by=by, number=row.number, amount=due.minor, currency=row.currency)
    return row
