"""Giving up what will not be paid of an invoice, and taking that back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

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
        told: dict[str, Any] = {"amount": row.amount, "currency": row.currency}
        invoices.settle(invoice, by=Actor.of(by), because=row.reason, event="written_off", **told)
        lowering.lower(invoice, by=Actor.of(by), because=f"Written off of {invoice.number}")
        after = {"amount": Money(row.amount, row.currency), "reason": row.reason}
        audit.note("invoice.write_off", invoice.number or "", by=Actor.of(by), after=after)
        forms.remember(form_key, content, id=row.id)
        return row


def take_back(write_off_id: int, *, because: str, form_key: str, by: User) -> WriteOff:
    """It is owed again, from today: by a row of its own, so that what was written off stays in its month.

    Raises Refusal: `not_permitted`, `taken_back`, `reason_missing`, `key_reused`.
    """
    content = ["write_off.take_back", write_off_id, because]
    with transaction():
        demand(by, Permission.INVOICE_WRITE_OFF)
        first = get(WriteOff, write_off_id)
        lock(Account, first.account_id)
        invoice = lock(Invoice, first.invoice_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(WriteOff, known["id"])
        _check_take_back(first, because)
        row = WriteOff(
            invoice_id=invoice.id,
            account_id=invoice.account_id,
            reverses_id=first.id,
            amount=-first.amount,
            currency=first.currency,
            reason=because.strip(),
            written_off_by=by.name,
        )
        db.session.add(row)
        db.session.flush()
        told: dict[str, Any] = {"amount": -row.amount, "currency": row.currency}
        invoices.settle(invoice, by=Actor.of(by), because=row.reason, event="write_off_taken_back", **told)
        after = {"amount": Money(-row.amount, row.currency), "reason": row.reason}
        audit.note("invoice.write_off_taken_back", invoice.number or "", by=Actor.of(by), after=after)
        forms.remember(form_key, content, id=row.id)
        return row


def _check_take_back(first: WriteOff, because: str) -> None:
    done = db.session.scalar(select(WriteOff.id).where(WriteOff.reverses_id == first.id))
    if done is not None or first.reverses_id is not None:
        raise Refusal("taken_back", "This write-off is taken back already.", "Reload the page to see how it is.")
    if not because.strip():
        raise Refusal("reason_missing", "Say why; auditors will read it.", status=422)
