"""Which transaction a settlement line is of, and the exceptions where there is none or it says something else."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, or_, select

from ... import clock
from ...db import db, end_read, insert_once, transaction
from ...models import (
    SYSTEM,
    ExceptionKind,
    LineKind,
    SettlementBatch,
    SettlementException,
    SettlementLine,
    SettlementMatch,
    Symptom,
    Transaction,
    TransactionAction,
)
from ...money import Money
from ...queries.settlement.standing import OVERDUE
from ...states.settlement_exception import ExceptionEvent, ExceptionStatus
from ..office import escalations

A, K = TransactionAction, LineKind
Settled = SettlementLine | SettlementBatch | Transaction
SUM = ExceptionKind.SUM

PAGE = 500

# What the line of each kind is about: our own transaction of the processor's source, or the charge behind it.
OWN: dict[LineKind, tuple[TransactionAction, ...]] = {
    K.CHARGE: (A.CHARGE, A.CAPTURE),
    K.REFUND: (A.REFUND,),
    K.REFUND_FAILURE: (A.REFUND,),
    K.DISPUTE: (A.CHARGE, A.CAPTURE),
    K.REINSTATEMENT: (A.CHARGE, A.CAPTURE),
}
OF_THE_CHARGE = frozenset({K.DISPUTE, K.REINSTATEMENT})


def match_open(gateway_id: int) -> int:
    """Match every line that has no transaction yet; how many found theirs. One transaction a page of lines."""
    matched, last = 0, 0
    while True:
        lines = _unmatched(gateway_id, last)
        end_read()
        if not lines:
            return matched
        with transaction():
            matched += sum(_match(db.session.get_one(SettlementLine, id)) for id in lines)
        last = lines[-1]


def _unmatched(gateway_id: int, after: int) -> list[int]:
    return list(
        db.session.scalars(
            select(SettlementLine.id)
            .outerjoin(SettlementMatch, SettlementMatch.line_id == SettlementLine.id)
            .where(
                SettlementLine.gateway_id == gateway_id,
                SettlementLine.kind.in_(OWN),
                SettlementMatch.id.is_(None),
                SettlementLine.id > after,
            )
            .order_by(SettlementLine.id)
            .limit(PAGE)
        )
    )


def _match(line: SettlementLine) -> bool:
    found = _transaction_of(line)
    if found is not None:
        insert_once(SettlementMatch, line_id=line.id, transaction_id=found.id, at=clock.now())
    hold(line, ExceptionKind.UNMATCHED, fits=found is not None, found=line.asked.minor, currency=line.asked.currency)
    if found is None:
        return False
    if line.kind not in OF_THE_CHARGE:
        asked, ours = Money(abs(line.asked.minor), line.asked.currency), Money(found.amount, found.currency)
        hold(line, ExceptionKind.DIFFERING, fits=asked == ours, expected=ours.minor, found=asked.minor)
    _not_missing(found)
    return True


def _transaction_of(line: SettlementLine) -> Transaction | None:
    wanted = line.charge_id if line.kind in OF_THE_CHARGE else line.source_id
    return db.session.scalars(
        select(Transaction).where(
            Transaction.gateway_id == line.gateway_id,
            Transaction.provider_id == wanted,
            Transaction.action.in_(OWN[line.kind]),
        )
    ).one_or_none()


def find_missing(gateway_id: int) -> int:
    """Captures and refunds that should have been paid out by now and stand in no batch; how many are new.

    Only of a gateway that has paid out something since: before its first payout nothing can be missing.
    """
    newest = select(SettlementLine.at).where(SettlementLine.gateway_id == gateway_id).order_by(SettlementLine.at.desc())
    last = db.session.scalar(newest.limit(1))
    settled = and_(SettlementMatch.transaction_id == Transaction.id)
    held = and_(
        SettlementException.subject_kind == "transaction",
        SettlementException.subject_id == Transaction.id,
        SettlementException.kind == ExceptionKind.MISSING,
    )
    late = min(clock.now() - OVERDUE, last) if last is not None else None
    ids = (
        db.session.scalars(
            select(Transaction.id)
            .outerjoin(SettlementMatch, settled)
            .outerjoin(SettlementException, held)
            .where(
                Transaction.gateway_id == gateway_id,
                Transaction.action.in_((A.CHARGE, A.CAPTURE, A.REFUND)),
                Transaction.at < late,
                SettlementMatch.id.is_(None),
                or_(SettlementException.id.is_(None), SettlementException.status == ExceptionStatus.CLEARED),
            )
            .limit(PAGE)
        ).all()
        if late is not None
        else []
    )
    end_read()
    with transaction() as session:
        for id in ids:
            row = session.get_one(Transaction, id)
            hold(row, ExceptionKind.MISSING, fits=False, expected=row.amount, currency=row.currency)
    return len(ids)


def _not_missing(row: Transaction) -> None:
    hold(row, ExceptionKind.MISSING, fits=True)


def hold(
    subject: SettlementLine | SettlementBatch | Transaction, kind: ExceptionKind, *, fits: bool, **facts: Any
) -> None:
    """Open the exception about `subject`, or close it once it fits; what a person has accepted stays accepted.

    Inside a transaction.
    """
    known = db.session.scalars(
        select(SettlementException).where(
            SettlementException.kind == kind,
            SettlementException.subject_kind == subject.__tablename__,
            SettlementException.subject_id == subject.id,
        )
    ).one_or_none()
    if known is None and not fits:
        _open(subject, kind, facts)
    elif known is not None and not fits and known.status is ExceptionStatus.CLEARED:
        known.facts = facts
        known.transition(ExceptionEvent.REOPEN, by=SYSTEM)
        escalate(known)
    elif known is not None and fits and known.can(ExceptionEvent.CLEAR):
        known.transition(ExceptionEvent.CLEAR, by=SYSTEM)
        clear_escalation(known, "The books fit by now.")


def _open(subject: Settled, kind: ExceptionKind, facts: dict[str, Any]) -> None:
    batch_id = subject.batch_id if isinstance(subject, SettlementLine) else None
    row = SettlementException(
        kind=kind,
        gateway_id=subject.gateway_id,
        subject_kind=subject.__tablename__,
        subject_id=subject.id,
        batch_id=subject.id if isinstance(subject, SettlementBatch) else batch_id,
        reference=subject.provider_id,
        facts=facts,
    )
    db.session.add(row)
    row.record("opened", by=SYSTEM, kind=kind, **facts)
    escalate(row)


def escalate(row: SettlementException) -> None:
    words = {
        ExceptionKind.UNMATCHED: "A payout has a line about no transaction of ours.",
        ExceptionKind.DIFFERING: "A payout's line says another amount than our transaction.",
        ExceptionKind.MISSING: "A transaction of ours is in no payout.",
        ExceptionKind.SUM: "A payout's lines do not come to what was paid out.",
    }
    escalations.open(Symptom.SETTLEMENT_EXCEPTION, row, row.reference, words[row.kind], kind=row.kind, **row.facts)


def clear_escalation(row: SettlementException, because: str) -> None:
    escalations.clear(Symptom.SETTLEMENT_EXCEPTION, row, because)
