"""Invoices of orders on payment terms: issued by whoever may, and with a booking on terms that leaves nothing to wait
for. What a captured payment settles is invoiced by that, and a period of an agreement by its schedule.
"""

from __future__ import annotations

from sqlalchemy import func, select

from ... import audit
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...models import Account, Actor, Due, Invoice, SalesOrder, User
from ...money import Money
from ...states.invoice import InvoiceStatus
from ...states.order import OrderStatus
from ..payments import payment_orders
from ..post import papers
from . import invoices

BILLABLE = (OrderStatus.BOOKED, OrderStatus.SCHEDULED, OrderStatus.ACTIVATED, OrderStatus.COMPLETED)


def on_terms(order_id: int, *, by: User) -> Invoice:
    """What of a booked order no invoice holds yet, due after the order's payment terms.

    Raises Refusal: `not_permitted`, `not_booked`, `all_invoiced`, `payment_in_progress`.
    """
    with transaction():
        demand(by, Permission.INVOICE_ISSUE)
        lock(Account, get(SalesOrder, order_id).account_id)
        order = lock(SalesOrder, order_id)
        if order.status not in BILLABLE:
            raise Refusal("not_booked", "%(order)s is not booked; nothing is billed for it.", order=order.number)
        payment_orders.refuse_while_paying(order)
        invoice = _issue(order, by=Actor.of(by))
        if invoice is None:
            raise Refusal("all_invoiced", "All of %(order)s is invoiced already.", order=order.number)
        return invoice


def with_booking(order: SalesOrder, *, by: Actor) -> Invoice | None:
    """Booked on terms and active, the order is billed at once where its plan waits for no later day and no delivery;
    else by people, once it is time. Inside a transaction, account and order locked."""
    waits = any(step.due is not Due.SIGNATURE for step in order.instalments)
    return None if waits or order.status is not OrderStatus.ACTIVATED else _issue(order, by=by)


def _issue(order: SalesOrder, *, by: Actor) -> Invoice | None:
    left = not_invoiced(order)
    invoice = invoices.on_terms(order, most=left, by=by) if left else None
    if invoice is not None:
        audit.note("invoice.issue", invoice.number or "", by=by, after={"order": order.number, "amount": left})
        papers.invoice(invoice)
    return invoice


def not_invoiced(order: SalesOrder) -> Money:
    """What of the order's total is in no invoice but those that were credited as a whole: what a credit note took off a
    part is not billed again."""
    issued = db.session.scalar(
        select(func.coalesce(func.sum(Invoice.gross), 0)).where(
            Invoice.order_id == order.id, Invoice.number.is_not(None), Invoice.status != InvoiceStatus.CREDITED
        )
    )
    whole = order.totals().gross
    return max(whole - Money(int(issued or 0), order.currency), Money.zero(order.currency))
