"""Rules of captures, voids, refunds and disputes: 9, 10, 12, 14 and 25 beyond the charge itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import and_, case, func, or_, select

from ... import clock
from ...db import db
from ...gateways.movements import Movement as Move
from ...gateways.sandbox.tables import ChargeState, InstructionState, SandboxCharge, SandboxEntry, SandboxInstruction
from ...gateways.settlement import ItemKind
from ...models import (
    Attempt,
    Dispute,
    DisputeEntry,
    DisputeEntryKind,
    Gateway,
    Movement,
    Transaction,
    TransactionAction,
)
from ...states.movement import ASKED, MovementStatus
from .asking import MOST, found

A = TransactionAction
KINDS = {
    ItemKind.DISPUTE: DisputeEntryKind.DEBIT,
    ItemKind.REINSTATEMENT: DisputeEntryKind.REINSTATEMENT,
    ItemKind.FEE: DisputeEntryKind.FEE,
}


def unasked(grace: timedelta) -> list[str]:
    rows = found(
        select(SandboxInstruction.ref, SandboxInstruction.kind)
        .outerjoin(Movement, Movement.idempotency_key == SandboxInstruction.key)
        .where(SandboxInstruction.key.is_not(None), Movement.id.is_(None))
    )
    return [f"the sandbox booked the {r.kind} {r.ref}, and nobody here asked for it" for r in rows]


def requests_apart(grace: timedelta) -> list[str]:
    complaints: list[str] = []
    columns = (Movement.id, Movement.action, Movement.idempotency_key, Movement.amount, Movement.currency)
    rows = db.session.execute(
        select(*columns, Movement.request).where(~Movement.elsewhere).execution_options(yield_per=1000)
    )
    for row in rows:
        frozen = (row.request.get("key"), row.request.get("kind"), row.request.get("amount"))
        asked = (row.idempotency_key, row.action, {"minor": row.amount, "currency": row.currency})
        if frozen != asked and len(complaints) < MOST:
            complaints.append(f"the stored request of movement {row.id} is not the movement's")
    return complaints


def forgotten(grace: timedelta) -> list[str]:
    rows = found(
        select(Movement.id, Movement.action, Movement.status).where(
            Movement.status.in_(ASKED), Movement.ask_at.is_(None)
        )
    )
    return [f"{r.action} {r.id} is {r.status} and nobody will ask about it" for r in rows]


def outcomes_apart(grace: timedelta) -> list[str]:
    """Succeeded, and what came back later: both have their evidence; the one that came back has two."""
    proven = and_(
        Transaction.gateway_id == Movement.gateway_id,
        or_(
            and_(Movement.action != A.REFUND, Transaction.parent_id == Movement.parent_id),
            Transaction.provider_id == Movement.provider_id,
        ),
        or_(
            Transaction.action == Movement.action,
            and_(Movement.action == A.REFUND, Transaction.action == A.REFUND_FAILURE),
        ),
    )
    by_status = ((Movement.status == MovementStatus.SUCCEEDED, 1), (Movement.status == MovementStatus.RETURNED, 2))
    wanted = case(*by_status, else_=0)
    counted = func.count(Transaction.id)
    rows = found(
        select(Movement.id, Movement.action, Movement.status, counted.label("transactions"))
        .outerjoin(Transaction, proven)
        .where(Movement.status.in_((MovementStatus.SUCCEEDED, MovementStatus.RETURNED)) | Movement.status.in_(ASKED))
        .group_by(Movement.id, Movement.action, Movement.status)
        .having(counted != wanted)
    )
    return [f"{r.action} {r.id} is {r.status} with {r.transactions} transactions" for r in rows]


def books_apart(grace: timedelta) -> list[str]:
    before = clock.now() - grace
    return [*_captures_apart(before), *_refunds_apart(before), *_disputes_apart(before)]


def _captures_apart(before: Any) -> list[str]:
    """What was captured of each charge, on both sides."""
    ours = (
        select(Attempt.gateway_id, Attempt.provider_id, func.sum(Transaction.amount).label("amount"))
        .join(Attempt, Attempt.id == Transaction.attempt_id)
        .where(Transaction.action.in_((A.CHARGE, A.CAPTURE)))
        .group_by(Attempt.gateway_id, Attempt.provider_id)
        .subquery()
    )
    mine = and_(ours.c.gateway_id == Gateway.id, ours.c.provider_id == SandboxCharge.ref)
    amount = func.coalesce(ours.c.amount, 0)
    rows = found(
        select(SandboxCharge.ref, SandboxCharge.captured, amount.label("ours"))
        .join(Gateway, Gateway.key == SandboxCharge.gateway)
        .outerjoin(ours, mine)
        .where(
            SandboxCharge.state.in_((ChargeState.SUCCEEDED, ChargeState.AUTHORIZED, ChargeState.VOIDED)),
            SandboxCharge.created_at <= before,
            amount != SandboxCharge.captured,
        )
    )
    return [f"the sandbox captured {r.captured} of {r.ref}, our books say {r.ours}" for r in rows]


def _refunds_apart(before: Any) -> list[str]:
    """What went back by refunds and stayed there, on both sides."""
    gone = case((Transaction.action == A.REFUND, Transaction.amount), else_=-Transaction.amount)
    ours = (
        select(Transaction.gateway_id, Transaction.provider_id, func.sum(gone).label("amount"))
        .where(Transaction.action.in_((A.REFUND, A.REFUND_FAILURE)))
        .group_by(Transaction.gateway_id, Transaction.provider_id)
        .subquery()
    )
    theirs = case((SandboxInstruction.state == InstructionState.SUCCEEDED, SandboxInstruction.amount), else_=0)
    mine = and_(ours.c.gateway_id == Gateway.id, ours.c.provider_id == SandboxInstruction.ref)
    rows = found(
        select(SandboxInstruction.ref, theirs.label("theirs"), func.coalesce(ours.c.amount, 0).label("ours"))
        .join(Gateway, Gateway.key == SandboxInstruction.gateway)
        .outerjoin(ours, mine)
        .where(
            SandboxInstruction.kind == Move.REFUND,
            SandboxInstruction.created_at <= before,
            func.coalesce(ours.c.amount, 0) != theirs,
        )
    )
    return [f"the sandbox refunded {r.theirs} by {r.ref}, our books say {r.ours}" for r in rows]


def _disputes_apart(before: Any) -> list[str]:
    """Each movement that the sandbox made because of a dispute we know of by its name; a letter told of others."""
    named = and_(Dispute.gateway_id == Gateway.id, Dispute.provider_id == SandboxEntry.source_ref)
    moved = case((SandboxEntry.kind == ItemKind.FEE, SandboxEntry.net), else_=SandboxEntry.gross)
    rows = found(
        select(SandboxEntry.ref, SandboxEntry.kind)
        .join(Gateway, Gateway.key == SandboxEntry.gateway)
        .outerjoin(Dispute, named)
        .outerjoin(
            DisputeEntry,
            and_(
                DisputeEntry.dispute_id == Dispute.id,
                DisputeEntry.kind == case(*((SandboxEntry.kind == kind, ours) for kind, ours in KINDS.items())),
                DisputeEntry.amount == func.abs(moved),
            ),
        )
        .where(SandboxEntry.source_ref.startswith("sbx_dp_"), SandboxEntry.at <= before, DisputeEntry.id.is_(None))
    )
    return [f"the sandbox moved money by {r.kind} {r.ref}, our books do not have it" for r in rows]
