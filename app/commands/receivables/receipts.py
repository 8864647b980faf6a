"""Receipts for money that came in, and their allocation to invoices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace
from sqlalchemy import insert

from ... import audit, clock, numbering
from ...ahead import new
from ...db import append, get, identify, know_by, notes
from ...errors import Refusal
from ...models import Actor, Allocation, Attempt, Invoice, PaymentOrder, Receipt, Transaction
from ...money import Money
from ...queries.receivables import figures
from ...states.invoice import Standing
from . import invoices

ALLOCATION = insert(Allocation)


def for_transaction(transaction: Transaction, *, by: Actor) -> Receipt:
    """The receipt of a capture, made once (invariant 6). Inside a transaction."""
    existing = next((x for x in of(transaction.payment_order_id) if x.transaction_id == transaction.id), None)
    if existing is not None:
        return existing
    payment_order = get(PaymentOrder, transaction.payment_order_id)
    attempt = get(Attempt, transaction.attempt_id)
    return write(
        by=by,
        account_id=payment_order.account_id,
        payment_order_id=payment_order.id,
        transaction_id=transaction.id,
        amount=transaction.amount,
        currency=transaction.currency,
        paid_with=attempt.card_label,
    )


def of(payment_order_id: int) -> list[Receipt]:
    """What came for it and left again, oldest first: read once a transaction, as whoever writes one holds the
    account."""
    if ("receipts", payment_order_id) not in notes():
        foresee([payment_order_id])
    found: list[Receipt] = notes()["receipts", payment_order_id]
    return found


def foresee(payment_order_ids: Iterable[int]) -> None:
    """As `of` will be asked, for many with one statement."""
    ids = list(payment_order_ids)
    notes().update({("receipts", id): [] for id in ids})
    for row in know_by(Receipt.payment_order_id, ids):
        notes()["receipts", row.payment_order_id].append(row)


def write(*, by: Actor, **facts: Any) -> Receipt:
    """The row with its number, history and audit. Inside a transaction, account locked."""
    row = new(Receipt, number=numbering.take("receipt"), at=clock.now(), **facts)
    identify(row)
    notes().setdefault("new receipts", set()).add(row.id)
    if (known := notes().get(("receipts", row.payment_order_id))) is not None:
        known.append(row)
    subject = get(PaymentOrder, row.payment_order_id) if row.payment_order_id else row
    event, told = ("receipt", row.amount) if row.amount > 0 else ("given_back", -row.amount)
    event = "bounced" if row.reversal else event
    subject.record(event, by=by, because=row.note or None, number=row.number, amount=told, currency=row.currency)
    audit.note("receipt.create", row.number, by=by, after={"amount": row.money})
    return row


def free(receipt: Receipt) -> int:
    """Minor units of the receipt that can pay an invoice: its own rest, as far as its money is still here."""
    if receipt.id in notes().get("new receipts", ()) and receipt.parent_id is None:
        return receipt.amount
    given, unapplied = figures.given_and_unapplied(receipt.id, receipt.root_id)
    return max(min(receipt.amount - given, unapplied), 0)


def allocate(receipt: Receipt, invoice: Invoice, *, by: Actor, most: int | None = None) -> int:
    """As much of the receipt as is free, to as much of the invoice as is due, but at most `most`; the minor units
    allocated.

    Never above either (invariant 5); what is left of the receipt is unapplied cash. Inside a transaction, account
    locked.
    """
    before = figures.of_invoice(invoice.id)
    return _allocate(receipt, invoice, before, by=by, most=most).allocated - before.allocated


def _allocate(receipt: Receipt, invoice: Invoice, before: Standing, *, by: Actor, most: int | None = None) -> Standing:
    """Where the invoice stands then."""
    if receipt.account_id != invoice.account_id or receipt.currency != invoice.currency:
        raise Refusal("foreign_invoice", "Receipt and invoice belong to different accounts or currencies.")
    amount = min(free(receipt), before.due)
    amount = amount if most is None else min(amount, most)
    if amount <= 0:
        return before
    _add(receipt, invoice, amount)
    after = replace(before, allocated=before.allocated + amount)
    told: dict[str, Any] = {"receipt": receipt.number, "amount": amount, "currency": receipt.currency}
    invoices.settle(invoice, by=by, standing=after, **told)
    _note("receipt.allocate", receipt, invoice, amount, by=by)
    return after


def take_off(receipt: Receipt, invoice: Invoice, amount: int, *, by: Actor, because: str | None = None) -> None:
    """So many minor units of the receipt's money do not pay the invoice any more. The caller settles the invoice."""
    _add(receipt, invoice, -amount)
    _note("receipt.take_back", receipt, invoice, amount, by=by, because=because)


def _add(receipt: Receipt, invoice: Invoice, amount: int) -> None:
    notes().get("new receipts", set()).discard(receipt.id)  # not all of it is free any more
    append(ALLOCATION, receipt_id=receipt.id, invoice_id=invoice.id, amount=amount, at=clock.now())


def _note(
    action: str, receipt: Receipt, invoice: Invoice, amount: int, *, by: Actor, because: str | None = None
) -> None:
    after: dict[str, Any] = {"invoice": invoice.number, "amount": Money(amount, receipt.currency)}
    audit.note(action, receipt.number, by=by, after=after | ({"because": because} if because else {}))


def allocate_all(payment_order: PaymentOrder, invoice: Invoice, *, by: Actor) -> Standing:
    """Whatever came in for the payment order and pays nothing yet, oldest first; where the invoice stands then. Account
    locked."""
    standing = notes().pop(("standing", invoice.id), None) or figures.of_invoice(invoice.id)
    for row in list(of(payment_order.id)):
        if row.parent_id is None:
            standing = _allocate(row, invoice, standing, by=by)
    return standing


def allocate_what_came(payment_order: PaymentOrder, invoice: Invoice, most: int, *, by: Actor) -> int:
    """As `allocate_all`, but at most so many minor units; those allocated."""
    left = most
    for row in list(of(payment_order.id)):
        if row.parent_id is None and left > 0:
            left -= allocate(row, invoice, by=by, most=left)
    return most - left


def foresee_standing(invoice_ids: Iterable[int]) -> None:
    """As `allocate_all` will ask, for many with one statement."""
    notes().update({("standing", id): found for id, found in figures.of_invoices(invoice_ids).items()})
