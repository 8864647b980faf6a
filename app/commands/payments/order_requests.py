"""Asking for a part of an order, or for all of it: a payment order beside its first one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from ... import audit, forms
from ...access import Permission, demand
from ...db import get, lock, transaction
from ...errors import Refusal
from ...formatting import money
from ...language import marked
from ...models import Account, Actor, CollectionMethod, Contact, PaymentOrder, SalesOrder, User
from ...money import Money, total
from ...queries.payments import shares
from ...queries.payments.shares import Share
from ...states.order import WITH_CUSTOMER, OrderStatus
from . import payment_orders


def blocks(order: SalesOrder) -> list[Refusal]:
    """Everything about an order that keeps a further payment order from being made; the page shows all."""
    if order.status in WITH_CUSTOMER:
        return [
            Refusal(
                "awaiting_approval",
                "The customer is asked to sign this order first; a separate payment would go round the signature.",
                "Wait for the signature, collect the first payment here, or convert the order to draft.",
            )
        ]
    if order.status is OrderStatus.CANCELLED:
        return [Refusal("cancelled", "This order is cancelled; nothing can be collected for it.")]
    if not payment_orders.left_to_request(order):
        return [
            Refusal(
                "more_than_due",
                "All of this order is collected or requested already.",
                "Collect or cancel a payment order that is still open.",
            )
        ]
    return []


def create(
    order_id: int,
    *,
    amount: Money,
    purpose: str,
    due_date: date | None,
    collection: CollectionMethod,
    contact_id: int | None,
    form_key: str,
    by: User,
    line_ids: Sequence[int] = (),
    route_id: int | None = None,
) -> PaymentOrder:
    """A further payment order on an order that is no longer with its customer for approval; of the lines `line_ids`,
    where there are some, for what no other one names of them.

    Raises Refusal: `not_permitted`, `awaiting_approval`, `cancelled`, `lines_changed`, `wrong_currency`,
    `not_positive`, `more_than_due`, `no_contact`, `no_route`, `route_unfit`, `key_reused`.
    """
    # Pressed again, less is left of the lines; they say what is meant.
    asked = list(line_ids) or amount.minor
    content = ["payment_order", order_id, asked, amount.currency, purpose, due_date, collection, contact_id, route_id]
    with transaction():
        demand(by, Permission.PAYMENT_ORDER_CREATE)
        lock(Account, get(SalesOrder, order_id).account_id)
        order = lock(SalesOrder, order_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(PaymentOrder, known["id"])
        for refusal in blocks(order):
            raise refusal
        chosen = _chosen(order, line_ids, amount)
        most = payment_orders.left_to_request(order)
        refuse_amount(amount, most, marked("Only %(left)s of this order is not collected or requested yet."))
        refuse_stranger(order, contact_id)
        row = payment_orders.add(
            order,
            amount,
            purpose=purpose,
            by=Actor.of(by),
            due_date=due_date,
            collection=collection,
            route_id=route_id,
            shares=chosen,
        )
        row.contact_id = contact_id or order.contact_id
        audit.note("payment_order.create", row.number, by=Actor.of(by), after={"amount": amount})
        forms.remember(form_key, content, id=row.id)
        return row


def _chosen(order: SalesOrder, line_ids: Sequence[int], amount: Money) -> list[Share]:
    """What is left of these lines, whose sum the form showed."""
    found = [share for share in shares.of_order(order) if share.line_id in line_ids]
    if line_ids and (not amount or total((share.left for share in found), order.currency) != amount):
        raise Refusal(
            "lines_changed",
            "These lines, or what is asked for of them, have changed since.",
            "Look at their amounts, and create it again.",
        )
    return [share for share in found if share.left]


def refuse_amount(amount: Money, most: Money, only: str, **facts: Any) -> None:
    """`only` says with `left`, and with `facts`, what may still be asked for. Raises Refusal: `wrong_currency`,
    `not_positive`, `more_than_due`."""
    if amount.currency != most.currency:
        raise Refusal("wrong_currency", "This is in %(currency)s.", currency=most.currency)
    if amount.minor <= 0:
        raise Refusal("not_positive", "Enter an amount above zero.")
    if amount > most:
        raise Refusal(
            "more_than_due",
            only,
            "Lower the amount, or cancel a payment order that is still open.",
            left=money(most),
            **facts,
        )


def refuse_stranger(order: SalesOrder, contact_id: int | None) -> None:
    """Raises Refusal `no_contact`."""
    if contact_id is not None and get(Contact, contact_id).account_id != order.account_id:
        raise Refusal("no_contact", "This contact belongs to another account.", "Choose a contact of this one.")
