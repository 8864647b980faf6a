"""Rules of disputes, 4 and 25: their money is the customer's, within what was captured, and in the receivables."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import aliased

from ...models import Dispute, DisputeEntry, Escalation, Receipt, Symptom, Transaction
from ...models.dispute import PRINCIPAL
from ...states.dispute import GONE, OPEN
from .. import ledger
from .asking import found

_Pot = aliased(Receipt)


def currencies_apart(grace: timedelta) -> list[str]:
    """What a bank takes and gives back is counted in the currency of the charge, whatever it was settled in."""
    rows = found(
        select(Dispute.number, DisputeEntry.provider_id)
        .join(DisputeEntry, DisputeEntry.dispute_id == Dispute.id)
        .join(Transaction, Transaction.id == Dispute.transaction_id)
        .where(DisputeEntry.kind.in_(PRINCIPAL))
        .where(or_(DisputeEntry.currency != Dispute.currency, Transaction.currency != Dispute.currency))
    )
    return [f"{r.provider_id} of {r.number} is in another currency than the charge" for r in rows]


def out_of_bounds(grace: timedelta) -> list[str]:
    """A dispute has taken nothing less than nothing, and all of a capture together no more than it, or finance is told:
    a bank may take what was refunded already."""
    mine = select(ledger.taken()).join(Dispute, Dispute.id == DisputeEntry.dispute_id)
    taken = mine.where(Dispute.transaction_id == Transaction.id).correlate(Transaction).scalar_subquery()
    receipt = Receipt.transaction_id == Transaction.id
    above = found(
        select(Transaction.provider_id, Transaction.amount, taken.label("taken"))
        .outerjoin(Receipt, receipt)
        .where(Transaction.id.in_(select(Dispute.transaction_id)))
        .where(or_(taken < 0, (taken > Transaction.amount) & ~_told()))
    )
    below = found(select(Dispute.number, _of_dispute().label("taken")).where(_of_dispute() < 0))
    return [
        *(f"of {r.provider_id}, {r.amount}, disputes took {r.taken}" for r in above),
        *(f"{r.number} took {r.taken}" for r in below),
    ]


def receipts_apart(grace: timedelta) -> list[str]:
    """What is lost has left the receivables; what is undecided, won or won back has not."""
    receipts = select(func.coalesce(func.sum(-Receipt.amount), 0)).where(Receipt.dispute_id == Dispute.id)
    left = receipts.correlate(Dispute).scalar_subquery()
    gone = case((Dispute.status.in_(GONE), _of_dispute()), else_=0)
    rows = found(select(Dispute.number, Dispute.status, gone.label("gone"), left.label("receipts")).where(gone != left))
    return [f"{r.number} is {r.status} and took {r.gone}, its receipts say {r.receipts}" for r in rows]


def undecided(grace: timedelta) -> list[str]:
    """A dispute that has ended says so, and one that is open does not."""
    rows = found(select(Dispute.number, Dispute.status).where(Dispute.status.in_(OPEN) != Dispute.closed_at.is_(None)))
    return [f"dispute {r.number} is {r.status}, and its end is told otherwise" for r in rows]


def overdrawn(grace: timedelta) -> list[str]:
    """More left of some money than had come, and finance was never told."""
    pot = select(func.sum(_Pot.amount)).where((_Pot.id == Receipt.id) | (_Pot.parent_id == Receipt.id))
    left = pot.correlate(Receipt).scalar_subquery()
    lessened = Receipt.id.in_(select(_Pot.parent_id).where(_Pot.amount < 0))
    rows = found(select(Receipt.number, left.label("left")).where(lessened, left < 0, ~_told()))
    return [f"of the money of {r.number}, {r.left} is left, and nobody was told" for r in rows]


def _of_dispute() -> ColumnElement[int]:
    query = select(ledger.taken()).where(DisputeEntry.dispute_id == Dispute.id)
    return query.correlate(Dispute).scalar_subquery()


def _told() -> ColumnElement[bool]:
    """Whether finance was told of the receipt at hand, and may have dealt with it since."""
    mine = (Escalation.symptom == Symptom.OVERDRAWN) & (Escalation.subject_kind == Receipt.__tablename__)
    return select(Escalation.id).where(mine, Escalation.subject_id == Receipt.id).correlate(Receipt).exists()
