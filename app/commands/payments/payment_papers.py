"""The PDF of a payment order, as it stands when it is asked for."""

from __future__ import annotations

from ... import documents
from ...access import Permission, demand
from ...db import transaction
from ...models import Document, User
from ...queries.payments import paper
from ...queries.payments.facts import Collection


def request(collection: Collection, *, by: User) -> Document:
    """Rendered soon, once for the same content."""
    row, content = collection.row, paper.content(collection)
    order_id = collection.source.row.id if collection.period is None else None
    with transaction():
        demand(by, Permission.PAYMENT_VIEW)
        name = paper.filename(collection)
        return documents.request(paper.KIND, row.id, content, filename=name, order_id=order_id)
