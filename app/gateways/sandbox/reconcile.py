"""Whether the books agree with themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..disputes import DisputePhase
from ..movements import Movement
from ..settlement import ItemKind
from . import books, ledger
from .tables import (
    ChargeState,
    InstructionState,
    SandboxCharge,
    SandboxDispute,
    SandboxEntry,
    SandboxInstruction,
    SandboxPayout,
    SandboxPayoutItem,
)

Line = tuple[str, str, int, str]


def complaints() -> list[str]:
    """Where they contradict themselves, a sentence each: what charges, refunds and disputes say and what the balance
    says is the same, no charge gave back more than it took, and each payout is what it is made of."""
    with books.reading() as session:
        said, entered = Counter(_said(session)), Counter(_entered(session))
        torn = sorted((said - entered) + (entered - said))
        found = [f"{ref}: {kind} of {minor} {currency} stands on one side only" for ref, kind, minor, currency in torn]
        return [*found, *_overdrawn(session), *_payouts(session)]


def _said(session: Session) -> Iterator[Line]:
    """What must have moved, by the objects' own words."""
    for c in session.scalars(select(SandboxCharge).where(SandboxCharge.state == ChargeState.SUCCEEDED)):
        yield c.ref, ItemKind.CHARGE, c.captured, c.currency
    refunds = select(SandboxInstruction).where(
        SandboxInstruction.kind == Movement.REFUND, SandboxInstruction.state == InstructionState.SUCCEEDED
    )
    for r in session.scalars(refunds):
        yield r.ref, ItemKind.REFUND, -r.amount, r.currency
    for d in session.scalars(select(SandboxDispute).where(SandboxDispute.inquiry.is_(False))):
        yield d.ref, ItemKind.DISPUTE, -d.amount, d.currency
        if d.phase is DisputePhase.WON:
            yield d.ref, ItemKind.REINSTATEMENT, d.amount, d.currency


def _entered(session: Session) -> Iterator[Line]:
    """What did move; a refund that came back after it had gone has moved nothing."""
    failed = select(SandboxEntry.source_ref).where(SandboxEntry.kind == ItemKind.REFUND_FAILURE)
    came_back = set(session.scalars(failed))
    moves = (ItemKind.CHARGE, ItemKind.REFUND, ItemKind.DISPUTE, ItemKind.REINSTATEMENT)
    for e in session.scalars(select(SandboxEntry).where(SandboxEntry.kind.in_(moves))):
        if e.kind is not ItemKind.REFUND or e.source_ref not in came_back:
            yield e.source_ref, e.kind, e.gross, e.currency


def _overdrawn(session: Session) -> Iterator[str]:
    for charge in session.scalars(select(SandboxCharge).where(SandboxCharge.captured > 0)):
        if ledger.left(session, charge).minor < 0:
            yield f"{charge.ref}: gave back more than it took"


def _payouts(session: Session) -> Iterator[str]:
    made_of = (
        select(SandboxPayout.ref, SandboxPayout.net, func.coalesce(func.sum(SandboxEntry.net), 0))
        .outerjoin(SandboxPayoutItem, SandboxPayoutItem.payout_ref == SandboxPayout.ref)
        .outerjoin(SandboxEntry, SandboxEntry.id == SandboxPayoutItem.entry_id)
        .group_by(SandboxPayout.ref, SandboxPayout.net)
    )
    for ref, net, total in session.execute(made_of):
        if net != total:
            yield f"{ref}: paid {net} and is made of {total}"
