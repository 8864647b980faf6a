"""Whose a payment order is: its sales order's owner's; of what asks for a period of an agreement, the agreement's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func

from ...models import PaymentAgreement, PaymentOrder, SalesOrder, User
from ..scope import visible

OWNER: ColumnElement[int] = func.coalesce(SalesOrder.owner_id, PaymentAgreement.owner_id)
SOURCE: ColumnElement[str] = func.coalesce(SalesOrder.number, PaymentAgreement.number)
"""The number of what asks for it."""


def joined(query: Any) -> Any:
    """`query` over payment orders, with what asks for them."""
    return query.outerjoin(SalesOrder, SalesOrder.id == PaymentOrder.order_id).outerjoin(
        PaymentAgreement, PaymentAgreement.id == PaymentOrder.agreement_id
    )


def seen_by(reader: User) -> ColumnElement[bool]:
    """For a query that is `joined`."""
    return visible(reader, OWNER)
