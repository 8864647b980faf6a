"""The PDF of a quote, as its version stands on the day it is asked for."""

from __future__ import annotations

from ... import documents
from ...access import Permission, demand
from ...db import get, transaction
from ...models import Document, Quote, User
from ...queries.quotes import paper


def request(quote_id: int, *, by: User) -> Document:
    """Rendered soon, once for the same content."""
    with transaction():
        demand(by, Permission.QUOTE_VIEW)
        quote = get(Quote, quote_id)
        return documents.request(paper.KIND, quote.id, paper.content(quote), filename=paper.filename(quote))
