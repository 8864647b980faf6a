"""The statement of an account as a PDF."""

from __future__ import annotations

from typing import Any

from ... import documents
from ...db import get, transaction
from ...documents import parties
from ...models import Account, Document
from ...queries.receivables.statement import Statement


def request(account_id: int, view: Statement) -> Document:
    """The paper of exactly what the page shows; rendered soon, once for the same content."""
    with transaction():
        account = get(Account, account_id)
        return documents.request("statement", account.id, _content(account, view), filename=_name(view))


def _name(view: Statement) -> str:
    return f"statement-{view.account}-{view.first}-{view.last}-{view.currency}.pdf"


def _content(account: Account, view: Statement) -> dict[str, Any]:
    return {
        "seller": parties.seller(),
        "customer": parties.customer(account),
        "account": view.account,
        "currency": view.currency,
        "first": view.first.isoformat(),
        "last": view.last.isoformat(),
        "opening": view.opening.minor,
        "closing": view.closing.minor,
        "lines": [
            {
                "on": e.on.isoformat(),
                "what": e.what,
                "number": e.number,
                "charge": e.charge.minor,
                "credit": e.credit.minor,
                "balance": e.balance.minor,
            }
            for e in view.entries
        ],
    }
