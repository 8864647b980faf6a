"""The payment order on paper: what stands on it, and whether it is there."""

from __future__ import annotations

from typing import Any

from ...clock import local_date
from ...db import get
from ...documents import parties
from ...models import Company, PaymentOrder
from .. import papers
from ..papers import Paper
from .facts import Collection

KIND = "payment_order"


def view(collection: Collection) -> Paper:
    return papers.of_page(KIND, collection.row.id, filename(collection), lambda: content(collection))


def filename(collection: Collection) -> str:
    return f"{collection.number}.pdf"


def content(collection: Collection) -> dict[str, Any]:
    """What its customer may read; no link stands in it, nor anything of the tries."""
    row, figures, entity = collection.row, collection.figures, get(PaymentOrder, collection.row.id)
    return {
        "number": row.number,
        "order_number": collection.source.row.number if collection.period is None else "",
        "purpose": row.purpose,
        "status": collection.status.value,
        "cancelled": collection.is_cancelled,
        "seller": parties.seller(),
        "customer": parties.customer(entity.account),
        "contact": collection.about.contact_name or "",
        "asked_on": local_date(collection.about.created_at, get(Company, 1).time_zone).isoformat(),
        "due_date": row.due_date.isoformat() if row.due_date else None,
        "collection": row.collection.value,
        "currency": row.currency,
        "lines": [{"description": x.description, "amount": x.amount} for x in collection.lines],
        "amount": row.amount,
        "authorized": figures.held,
        "paid": figures.captured,
        "refunded": figures.refunded,
        "disputed": figures.disputed,
        "due": collection.balance.minor,
    }
