"""Whose an invoice is: its sales order's owner's; of what bills a period of an agreement, the agreement's."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, func, select, true, union_all
from sqlalchemy.orm import aliased

from ...db import db
from ...models import Invoice, PaymentAgreement, SalesOrder, ScheduledPayment, User
from ..scope import Reach, reach, visible

OWNER: ColumnElement[int] = func.coalesce(SalesOrder.owner_id, PaymentAgreement.owner_id)


def joined(query: Any) -> Any:
    """`query` over invoices, with what they bill."""
    return (
        query.outerjoin(SalesOrder, SalesOrder.id == Invoice.order_id)
        .outerjoin(ScheduledPayment, ScheduledPayment.invoice_id == Invoice.id)
        .outerjoin(PaymentAgreement, PaymentAgreement.id == ScheduledPayment.agreement_id)
    )


def seen_by(reader: User) -> ColumnElement[bool]:
    """For a query that is `joined` and asks for what it names. Each row is looked at, so a list asks `within_reach`."""
    return visible(reader, OWNER)


def within_reach(reader: User) -> ColumnElement[bool]:
    """The same for a list: it begins with what the reader owns, by index, and comes by nobody else's."""
    if reach(reader) is Reach.HOUSE:
        return true()
    billed, bills = aliased(Invoice), ScheduledPayment
    of_orders = select(billed.id).join(SalesOrder, SalesOrder.id == billed.order_id)
    of_agreements = select(bills.invoice_id).join(PaymentAgreement, PaymentAgreement.id == bills.agreement_id)
    return Invoice.id.in_(
        union_all(
            of_orders.where(visible(reader, SalesOrder.owner_id)).correlate(None),
            of_agreements.where(visible(reader, PaymentAgreement.owner_id), bills.invoice_id.is_not(None)).correlate(
                None
            ),
        )
    )


def openable(invoice_ids: Collection[int], reader: User) -> frozenset[int]:
    """Those of them that `reader` sees, so that nothing links where they may not go."""
    if not invoice_ids or reach(reader) is Reach.HOUSE:
        return frozenset(invoice_ids)
    found = joined(select(Invoice.id)).where(Invoice.id.in_(invoice_ids), seen_by(reader))
    return frozenset(db.session.scalars(found))
