"""Credit notes that are asked for with a refund: issued once it has succeeded, for what it took from invoices.

What a refund takes from unapplied cash was for no invoice, and needs none. Inside the caller's transaction, with the
account locked.
"""

from __future__ import annotations

from sqlalchemy import func, select

from ...access import Permission, demand
from ...db import db, get, lock
from ...errors import Refusal
from ...models import SYSTEM, CreditNote, Invoice, Movement, Receipt, Transaction, TransactionAction, User
from ...money import Money
from ...queries.receivables import figures
from ...states.movement import OPEN
from . import credit_notes, taking_back


def check(parent_id: int, amount: Money, *, by: User) -> None:
    """That a refund of this capture, after those under way, takes something from an invoice.

    Raises Refusal: `not_permitted`, `no_invoice`.
    """
    demand(by, Permission.CREDIT_NOTE_ISSUE)
    root, ahead = _receipt(parent_id), _ahead(parent_id)
    if root is None or _from_invoices(root, ahead + amount.minor) <= _from_invoices(root, ahead):
        raise Refusal(
            "no_invoice",
            "As much of this money pays no invoice, so there is nothing to credit.",
            "Refund it without a credit note.",
            status=422,
        )


def issue(refund: Transaction) -> list[CreditNote]:
    """Take off each invoice what the refund took from what had paid it, so that it is not owed again."""
    movement, receipt = movement_of(refund), _receipt(refund.id)
    if movement is None or receipt is None or not movement.credit_note or notes_of(refund.id):
        return []
    found = []
    for invoice_id, minor in taking_back.taken_by(receipt).items():
        part = Money(min(minor, figures.of_invoice(invoice_id).creditable), refund.currency)
        if part.minor > 0:
            facts = {"note": movement.reason, "refund_id": refund.id, "by": movement.actor}
            found.append(credit_notes.for_refund(lock(Invoice, invoice_id), amount=part, **facts))  # type: ignore[arg-type]
    return found


def stays(failure: Transaction) -> None:
    """The refund came back: its notes are issued and stay, and what they left open of the money is unapplied cash."""
    if failure.parent_id is None:
        return
    movement, notes = movement_of(get(Transaction, failure.parent_id)), notes_of(failure.parent_id)
    if movement is not None and notes:
        movement.record("note_stays", by=SYSTEM, number=", ".join(x.number for x in notes))


def notes_of(refund_id: int) -> list[CreditNote]:
    query = select(CreditNote).where(CreditNote.refund_id == refund_id).order_by(CreditNote.id)
    return list(db.session.scalars(query))


def movement_of(refund: Transaction) -> Movement | None:
    return db.session.scalars(
        select(Movement).where(
            Movement.gateway_id == refund.gateway_id,
            Movement.provider_id == refund.provider_id,
            Movement.action == TransactionAction.REFUND,
        )
    ).one_or_none()


def _receipt(transaction_id: int) -> Receipt | None:
    return db.session.scalars(select(Receipt).where(Receipt.transaction_id == transaction_id)).one_or_none()


def _from_invoices(root: Receipt, minor: int) -> int:
    return sum(taking_back.shares(root, minor).values())


def _ahead(parent_id: int) -> int:
    """Minor units of refunds under way, which take theirs first."""
    query = select(func.sum(Movement.amount)).where(
        Movement.parent_id == parent_id,
        Movement.action == TransactionAction.REFUND,
        Movement.status.in_(OPEN),
    )
    return int(db.session.scalar(query) or 0)
