"""What the page shows before an invoice is mailed."""

from __future__ import annotations

from ...db import get
from ...errors import Refusal
from ...mail import recipients, suppression
from ...mail.recipients import Recipient
from ...models import Invoice


def preflight(invoice_id: int, kind: str = "invoice") -> tuple[list[Recipient], Refusal | None]:
    """Everybody who would get it, or another `kind` of mail about it, each with the reason; or why it cannot go."""
    invoice = get(Invoice, invoice_id)
    try:
        found = recipients.for_invoice(invoice, kind=kind)
    except Refusal as refusal:
        return [], refusal
    try:
        suppression.refuse(found)
    except Refusal as refusal:
        return found, refusal
    return found, None
