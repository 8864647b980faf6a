"""Whose a payment order is: its sales order's owner's; of what asks for a period of an agreement, the agreement's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, select, true, union_all
from sqlalchemy.orm import aliased

from ...models import PaymentAgreement, PaymentOrder, SalesOrder, User
from ..scope import Reach, reach, visible

OWNER: ColumnElement[int] = func.coalesce(SalesOrder.owner_id, PaymentAgreement.owner_id)
SOURCE: ColumnElement[str] = func.coalesce(SalesOrder.number, PaymentAgreement.number)
"""The number of what asks for it."""


def joined(query: Any) -> Any:
    """`query` over payment orders, with what asks for them."""
    return query.outerjoin(SalesOrder, SalesOrder.id == PaymentOrder.order_id).outerjoin(
        PaymentAgreement, PaymentAgreement.id == PaymentOrder.agreement_id
    )


def seen_by(reader: User) -> ColumnElement[bool]:
    """For a query that is `joined` and asks for what it names. Each row is looked at, so a list asks `within_reach`."""
    return visible(reader, OWNER)


def within_reach(reader: User) -> ColumnElement[bool]:
    """The same for a list: it begins with what the reader owns, by index, and comes by nobody else's."""
    if reach(reader) is Reach.HOUSE:
        return true()
    asked = aliased(PaymentOrder)
    of_orders = select(asked.id).join(SalesOrder, SalesOrder.id == asked.order_id)
    of_agreements = select(asked.id).join(PaymentAgreement, PaymentAgreement.id == asked.agreement_id)
    return PaymentOrder.id.in_(
        union_all(
            of_orders.where(visible(reader, SalesOrder.owner_id)).correlate(None),
            of_agreements.where(visible(reader, PaymentAgreement.owner_id)).correlate(None),
        )
    )
