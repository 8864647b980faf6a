"""Sending an invoice: who gets it, why it cannot go, and the mail with its PDF."""

from __future__ import annotations

from ... import audit, forms
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...mail import recipients, suppression
from ...models import Account, Actor, Invoice, OrderEmail, User
from ...money import Money
from ...queries.receivables import figures
from ...states.invoice import InvoiceStatus
from ..post import mails, papers


def send(invoice_id: int, *, form_key: str, by: User) -> OrderEmail:
    """Mail the invoice with its PDF as it stands now; the same form twice sends once.

    Raises Refusal: `not_permitted`, `not_issued`, `no_contact`, `address_suppressed`.
    """
    content = ["invoice.send", invoice_id]
    with transaction():
        demand(by, Permission.INVOICE_SEND)
        lock(Account, get(Invoice, invoice_id).account_id)
        invoice = get(Invoice, invoice_id)
        if (known := forms.answered(form_key, content)) is not None:
            return db.session.get_one(OrderEmail, known["id"])
        if invoice.status is InvoiceStatus.DRAFT:
            raise Refusal("not_issued", "This invoice is not issued yet, so there is nothing to send.")
        suppression.refuse(recipients.for_invoice(invoice))
        still_open = Money(figures.of_invoice(invoice.id).due, invoice.currency)
        paper = papers.invoice(invoice)
        mail = mails.invoice(invoice, still_open=still_open, attachments=[paper.id], cause=f"sent:{form_key}", by=by)
        audit.note("invoice.send", invoice.number or "", by=Actor.of(by))
        forms.remember(form_key, content, id=mail.id)
        return mail
