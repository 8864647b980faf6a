"""Which kinds of documents a person may read: what is on a paper is no more public than the page it tells of."""

from __future__ import annotations

from ..access import Permission, why_not
from ..models import User

NEEDS: dict[str, Permission] = {
    "agreement": Permission.AGREEMENT_VIEW,
    "order": Permission.ORDER_VIEW,
    "signed_order": Permission.ORDER_VIEW,
    "invoice": Permission.INVOICE_VIEW,
    "credit_note": Permission.INVOICE_VIEW,
    "statement": Permission.RECEIVABLES_VIEW,
    "receipt": Permission.PAYMENT_VIEW,
}


def kinds_for(reader: User) -> frozenset[str]:
    return frozenset(kind for kind, permission in NEEDS.items() if why_not(reader, permission) is None)
