"""How cardholders contest charges at the sandbox, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ... import clock
from ...language import marked
from ...money import Money
from ..base import sha256
from ..disputes import DisputeFacts, DisputeMoney, DisputeMovement, DisputePhase
from ..notices import Subject
from ..settlement import ItemKind
from . import books, events, ledger, processor
from .line import Rejected, new_ref
from .tables import SandboxCharge, SandboxDispute, SandboxEntry

ANSWER_WITHIN = timedelta(days=14)
OPEN = (DisputePhase.NEEDS_RESPONSE, DisputePhase.UNDER_REVIEW)
MONEY = {
    ItemKind.DISPUTE: DisputeMoney.DEBIT,
    ItemKind.FEE: DisputeMoney.FEE,
    ItemKind.REINSTATEMENT: DisputeMoney.REINSTATEMENT,
}


def open_one(
    gateway: str, charge_ref: str, *, amount: Money | None = None, reason: str = "fraudulent", inquiry: bool = False
) -> DisputeFacts:
    """The cardholder contests a charge, as a whole unless told otherwise. Raises Rejected."""
    with books.writing() as session:
        charge = processor.held(session, gateway, charge_ref)
        left = ledger.left(session, charge)
        contested = amount or left
        if not 0 < contested.minor <= left.minor or contested.currency != left.currency:
            raise Rejected("amount_too_large", marked("No more than what is left of the charge can be disputed."))
        dispute = SandboxDispute(
            ref=new_ref("dp"),
            gateway=gateway,
            charge_ref=charge.ref,
            amount=contested.minor,
            currency=contested.currency,
            reason=reason,
            phase=DisputePhase.NEEDS_RESPONSE,
            inquiry=inquiry,
            due_by=clock.now() + ANSWER_WITHIN,
        )
        session.add(dispute)
        if not inquiry:
            _debit(session, dispute)
        _tell(session, charge, dispute, "opened")
        return facts_of(session, dispute)


def escalate(gateway: str, ref: str) -> DisputeFacts:
    """The bank is not content with an answer to its inquiry: now money moves. Raises Rejected."""
    with books.writing() as session:
        charge, dispute = _held(session, gateway, ref)
        if dispute.inquiry and dispute.phase in OPEN:
            if dispute.amount > ledger.left(session, charge).minor:
                raise Rejected(
                    "amount_too_large", marked("Less than this is left of the charge; it was refunded meanwhile.")
                )
            dispute.inquiry, dispute.phase = False, DisputePhase.NEEDS_RESPONSE
            _debit(session, dispute)
            _tell(session, charge, dispute, "opened")
        return facts_of(session, dispute)


def appeal(gateway: str, ref: str) -> DisputeFacts:
    """What was lost is argued once more; the money stays where it is meanwhile. Raises Rejected."""
    with books.writing() as session:
        charge, dispute = _held(session, gateway, ref)
        if dispute.phase is DisputePhase.LOST:
            dispute.phase, dispute.appealed, dispute.closed_by = DisputePhase.NEEDS_RESPONSE, True, None
            dispute.due_by = clock.now() + ANSWER_WITHIN
            _tell(session, charge, dispute, "appealed")
        return facts_of(session, dispute)


def answer(gateway: str, ref: str, handed_in: list[str], key: str) -> DisputeFacts:
    """Evidence comes in, once. Raises Rejected."""
    with books.writing() as session:
        charge, dispute = _held(session, gateway, ref)
        if dispute.phase is DisputePhase.NEEDS_RESPONSE and clock.now() < dispute.due_by:
            dispute.phase, dispute.closed_by, dispute.evidence = DisputePhase.UNDER_REVIEW, key, handed_in
            _tell(session, charge, dispute, "answered")
        return facts_of(session, dispute)


def accept(gateway: str, ref: str, key: str) -> DisputeFacts:
    """Raises Rejected."""
    return _end(gateway, ref, DisputePhase.LOST, key)


def decide(gateway: str, ref: str, *, won: bool, fee_back: bool = False) -> DisputeFacts:
    """The bank has made up its mind; of one that is won some processors give back their fee. Raises Rejected."""
    return _end(gateway, ref, DisputePhase.WON if won else DisputePhase.LOST, fee_back=fee_back)


def _end(
    gateway: str, ref: str, phase: DisputePhase, key: str | None = None, *, fee_back: bool = False
) -> DisputeFacts:
    with books.writing() as session:
        charge, dispute = _held(session, gateway, ref)
        if dispute.phase in OPEN:
            dispute.phase, dispute.closed_by = phase, key or dispute.closed_by
            if phase is DisputePhase.WON and not dispute.inquiry:
                fee = -ledger.dispute_fee(dispute.currency) if fee_back else None
                _enter(session, dispute, ItemKind.REINSTATEMENT, Money(dispute.amount, dispute.currency), fee)
            _tell(session, charge, dispute, str(phase))
        return facts_of(session, dispute)


def _debit(session: Session, dispute: SandboxDispute) -> None:
    nothing = Money.zero(dispute.currency)
    _enter(session, dispute, ItemKind.DISPUTE, Money(-dispute.amount, dispute.currency))
    _enter(session, dispute, ItemKind.FEE, nothing, ledger.dispute_fee(dispute.currency))


def _enter(session: Session, dispute: SandboxDispute, kind: ItemKind, gross: Money, fee: Money | None = None) -> None:
    ledger.enter(
        session,
        kind,
        gateway=dispute.gateway,
        source=dispute.ref,
        charge=dispute.charge_ref,
        gross=gross,
        fee=fee,
    )


def _tell(session: Session, charge: SandboxCharge, dispute: SandboxDispute, what: str) -> None:
    events.queue(session, dispute.gateway, Subject.DISPUTE, what, dispute.ref, charge.details)


def _held(session: Session, gateway: str, ref: str) -> tuple[SandboxCharge, SandboxDispute]:
    """The charge first, as everything that moves its money takes it. Raises Rejected."""
    this = (SandboxDispute.gateway == gateway, SandboxDispute.ref == ref)
    charge_ref = session.scalar(select(SandboxDispute.charge_ref).where(*this))
    if charge_ref is None:
        raise Rejected("no_such_dispute", "The sandbox knows no such dispute.")
    charge = processor.held(session, gateway, charge_ref)
    return charge, session.scalars(select(SandboxDispute).where(*this)).one()


def find(gateway: str, ref: str) -> DisputeFacts | None:
    with books.reading() as session:
        this = select(SandboxDispute).where(SandboxDispute.gateway == gateway, SandboxDispute.ref == ref)
        dispute = session.scalar(this)
        return facts_of(session, dispute) if dispute else None


def _moved(entry: SandboxEntry) -> Iterator[DisputeMovement]:
    returned = -entry.fee if entry.kind is ItemKind.REINSTATEMENT else 0
    yield DisputeMovement(MONEY[entry.kind], entry.ref, Money(abs(entry.net) - returned, entry.currency))
    if returned:
        yield DisputeMovement(DisputeMoney.FEE_RETURNED, f"{entry.ref}-fee", Money(returned, entry.currency))


def facts_of(session: Session, dispute: SandboxDispute) -> DisputeFacts:
    session.flush()
    entries = session.scalars(
        select(SandboxEntry).where(SandboxEntry.source_ref == dispute.ref).order_by(SandboxEntry.id)
    )
    moved = tuple(movement for entry in entries for movement in _moved(entry))
    told = [
        dispute.ref,
        dispute.phase,
        dispute.inquiry,
        dispute.appealed,
        dispute.closed_by,
        [m.provider_id for m in moved],
    ]
    return DisputeFacts(
        dispute.ref,
        dispute.charge_ref,
        Money(dispute.amount, dispute.currency),
        dispute.reason,
        dispute.phase,
        dispute.inquiry,
        dispute.opened_at,
        due_by=dispute.due_by,
        movements=moved,
        raw_sha256=sha256(told),
        appealed=dispute.appealed and dispute.phase in OPEN,
    )
