"""Giving up what will not be paid of an invoice."""

from __future__ import annotations

from ... import audit, forms
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...models import Account, Actor, Invoice, User, WriteOff
from ...money import Money
from ...queries.receivables import figures
from ...states.invoice import OPEN
from ..payments import lowering
from . import invoices


def write_off(invoice_id: int, *, because: str, form_key: str, by: User) -> WriteOff:
    """All that is open of the invoice.

    Raises Refusal: `not_permitted`, `not_open`, `reason_missing`, `payment_in_progress`, `key_reused`.
    """
    content = ["write_off", invoice_id, because]
    with transaction():
        demand(by, Permission.INVOICE_WRITE_OFF)
        lock(Account, get(Invoice, invoice_id).account_id)
        invoice = lock(Invoice, invoice_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(WriteOff, known["id"])
        if invoice.status not in OPEN:
            raise Refusal("not_open", "%(number)s has nothing open to write off.", number=invoice.number)
        if not because.strip():
            raise Refusal("reason_missing", "Say why; auditors will read it.", status=422)
        row = WriteOff(
            invoice_id=invoice.id,
            account_id=invoice.account_id,
            amount=figures.of_invoice(invoice.id).due,
            currency=invoice.currency,
            reason=because.strip(),
            written_off_by=by.name,
        )
        db.session.add(row)
        db.session.flush()
        told = {"amount": row.amount, "currency": row.currency}
        invoices.settle(invoice, by=Actor.of(by), because=row.reason, event="written_off", **told)
        lowering.lower(invoice, by=Actor.of(by), because=f"Written off of {invoice.number}")
        after = {"amount": Money(row.amount, row.currency), "reason": row.reason}
        audit.note("invoice.write_off", invoice.number or "", by=Actor.of(by), after=after)
        forms.remember(form_key, content, id=row.id)
        return row
