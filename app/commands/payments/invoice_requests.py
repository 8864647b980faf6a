"""Asking for an invoice: a payment order of its own, for no more than it has due and nobody else asks for."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from ... import audit, forms
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...language import marked
from ...models import Account, Actor, CollectionMethod, Invoice, PaymentOrder, SalesOrder, User
from ...money import Money
from ...queries import ledger
from ...queries.receivables import figures
from ...states import invoice as states
from ...states.order import WITH_CUSTOMER, OrderStatus
from ...states.payment_order import PaymentOrderStatus
from . import order_requests, payment_orders


def left(invoice: Invoice) -> Money:
    """What another payment order may ask for: neither more than the invoice has due beside those that ask for it, nor
    than the order has."""
    if invoice.order_id is None or invoice.status not in states.OPEN:
        return Money.zero(invoice.currency)
    order = get(SalesOrder, invoice.order_id)
    own = figures.of_invoice(invoice.id).due - sum(x.to_come for x in ledger.figures(_asking(invoice)).values())
    return max(min(Money(own, invoice.currency), payment_orders.left_to_request(order)), Money.zero(invoice.currency))


def _asking(invoice: Invoice) -> list[int]:
    query = select(PaymentOrder.id).where(
        PaymentOrder.invoice_id == invoice.id, PaymentOrder.status == PaymentOrderStatus.OPEN
    )
    return list(db.session.scalars(query))


def blocks(invoice: Invoice) -> list[Refusal]:
    """Everything about an invoice that keeps a payment order from being made for it; the page shows all."""
    if invoice.order_id is None:
        return [
            Refusal(
                "of_period",
                "%(number)s bills a period of an agreement, which has its payment order already.",
                "Collect with that one.",
                number=invoice.number,
            )
        ]
    if invoice.status not in states.OPEN:
        return [Refusal("not_open", "%(number)s is not open; nothing is left to ask for.", number=invoice.number)]
    order = get(SalesOrder, invoice.order_id)
    if order.status in WITH_CUSTOMER or order.status is OrderStatus.CANCELLED:
        return order_requests.blocks(order)
    return [] if left(invoice) else [_asked_for(invoice)]


def _asked_for(invoice: Invoice) -> Refusal:
    return Refusal(
        "more_than_due",
        "All that %(number)s has due is asked for already.",
        "Collect or cancel the payment order that asks for it.",
        number=invoice.number,
    )


def create(
    invoice_id: int,
    *,
    amount: Money,
    purpose: str,
    due_date: date | None,
    collection: CollectionMethod,
    contact_id: int | None,
    form_key: str,
    by: User,
    route_id: int | None = None,
) -> PaymentOrder:
    """Raises Refusal: `not_permitted`, the first of `blocks`, `wrong_currency`, `not_positive`, `more_than_due`,
    `no_contact`, `no_route`, `route_unfit`, `key_reused`."""
    content = ["invoice_payment_order", invoice_id, amount.minor, amount.currency, purpose, due_date]
    content += [collection, contact_id, route_id]
    with transaction():
        demand(by, Permission.PAYMENT_ORDER_CREATE)
        invoice = get(Invoice, invoice_id)
        lock(Account, invoice.account_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(PaymentOrder, known["id"])
        for refusal in blocks(invoice):
            raise refusal
        order = lock(SalesOrder, invoice.order_id)
        only = marked("Only %(left)s of %(number)s is due and not asked for yet.")
        order_requests.refuse_amount(amount, left(invoice), only, number=invoice.number)
        order_requests.refuse_stranger(order, contact_id)
        row = open_one(
            invoice,
            order,
            amount,
            purpose=purpose,
            by=Actor.of(by),
            due=due_date,
            collection=collection,
            route_id=route_id,
        )
        row.contact_id = contact_id or order.contact_id
        forms.remember(form_key, content, id=row.id)
        return row


def open_one(
    invoice: Invoice,
    order: SalesOrder,
    amount: Money,
    *,
    purpose: str,
    by: Actor,
    due: date | None = None,
    collection: CollectionMethod = CollectionMethod.PAYMENT_LINK,
    route_id: int | None = None,
) -> PaymentOrder:
    """Inside a transaction, account and order locked. Raises Refusal: `no_route`, `route_unfit`."""
    row = payment_orders.add(
        order, amount, purpose=purpose, by=by, due_date=due, collection=collection, route_id=route_id
    )
    row.invoice_id = invoice.id
    audit.note("payment_order.create", row.number, by=by, after={"amount": amount, "invoice": invoice.number})
    return row
