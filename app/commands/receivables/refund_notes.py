"""Credit notes that are asked for with a refund: looked at before it is asked for, issued once it has succeeded.

Inside the caller's transaction, with the account locked.
"""

from __future__ import annotations

from sqlalchemy import func, select

from ...access import Permission, demand
from ...db import db, get, lock
from ...errors import Refusal
from ...formatting import money
from ...models import SYSTEM, Allocation, CreditNote, Invoice, Movement, Receipt, Transaction, TransactionAction, User
from ...money import Money
from ...queries.receivables import figures
from ...states.movement import OPEN
from . import credit_notes


def check(parent_id: int, amount: Money, *, by: User) -> None:
    """That a refund of this capture may take as much off the invoices that its money paid.

    Raises Refusal: `not_permitted`, `no_invoice`, `more_than_invoiced`.
    """
    demand(by, Permission.CREDIT_NOTE_ISSUE)
    paid = _invoices(parent_id)
    if not paid:
        raise Refusal(
            "no_invoice",
            "This money pays no invoice, so there is nothing to credit.",
            "Refund it without a credit note.",
            status=422,
        )
    left = Money(max(_room(paid) - _ahead(parent_id), 0), amount.currency)
    if amount.minor > left.minor:
        raise Refusal(
            "more_than_invoiced",
            "Only %(left)s of what this money paid for is not credited yet.",
            "Refund no more than that with a credit note, or refund without one.",
            status=422,
            left=money(left),
        )


def check_waiting(movement: Movement) -> None:
    """The same, of a refund that waits for its second person. Raises Refusal `more_than_invoiced`."""
    if movement.credit_note and _room(_invoices(movement.parent_id)) < _ahead(movement.parent_id):
        raise Refusal(
            "more_than_invoiced",
            "The invoice was credited meanwhile, so that the credit note asked for does not fit any more.",
            "Refuse this refund; it can be asked for again without a credit note.",
        )


def issue(refund: Transaction) -> list[CreditNote]:
    """Take what was refunded off the invoices that its money was for, newest first. What does not fit any more, because
    they were credited otherwise meanwhile, is said in the refund's history."""
    movement = movement_of(refund)
    if movement is None or not movement.credit_note or notes_of(refund.id):
        return []
    found, left = [], movement.money
    for row in _invoices(refund.parent_id):
        part = Money(min(left.minor, _open(row)), left.currency)
        if part.minor > 0:
            facts = {"note": movement.reason, "refund_id": refund.id, "by": movement.actor}
            found.append(credit_notes.for_refund(lock(Invoice, row.id), amount=part, **facts))  # type: ignore[arg-type]
            left -= part
    if left:
        movement.record("not_credited", by=SYSTEM, amount=left.minor, currency=left.currency)
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


def _invoices(parent_id: int | None) -> list[Invoice]:
    """What the money of a capture has paid, even where a refund has taken it off again; the newest first."""
    root_id = db.session.scalar(select(Receipt.id).where(Receipt.transaction_id == parent_id))
    if root_id is None:
        return []
    mine = select(Allocation.invoice_id).join(Receipt, Receipt.id == Allocation.receipt_id).where(figures.pot(root_id))
    return list(db.session.scalars(select(Invoice).where(Invoice.id.in_(mine)).order_by(Invoice.id.desc())))


def _open(invoice: Invoice) -> int:
    return max(invoice.gross - figures.of_invoice(invoice.id).credited, 0)


def _room(invoices: list[Invoice]) -> int:
    return sum(_open(x) for x in invoices)


def _ahead(parent_id: int) -> int:
    """Minor units of refunds under way that will ask for their notes too."""
    query = select(func.sum(Movement.amount)).where(
        Movement.parent_id == parent_id, Movement.credit_note, Movement.status.in_(OPEN)
    )
    return int(db.session.scalar(query) or 0)
