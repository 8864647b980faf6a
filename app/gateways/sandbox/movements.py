"""How the sandbox captures, voids and refunds: every instruction is kept with what became of it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...language import marked
from ...money import Money
from ..base import sha256
from ..movements import Movement, MovementRequest
from ..notices import Subject
from ..settlement import ItemKind
from . import books, events, ledger, processor
from .cards import Fault
from .line import Answer, Rejected, carry, new_ref
from .tables import Call, ChargeState, InstructionState, SandboxCharge, SandboxInstruction, SandboxScript

CALLS = {Movement.CAPTURE: Call.CAPTURE, Movement.VOID: Call.VOID, Movement.REFUND: Call.REFUND}


def move(gateway: str, request: MovementRequest) -> Answer:
    """Carry it out, or answer for what was done under this key. Raises Rejected, NoAnswer, NotSent."""
    return carry(gateway, MovementErrand(gateway, request))


class MovementErrand:
    def __init__(self, gateway: str, request: MovementRequest) -> None:
        self.gateway, self.request, self.key = gateway, request, request.key
        self.call = CALLS[request.kind]
        self.fingerprint = sha256(request.as_dict())

    def known(self, session: Session) -> Answer | None:
        known = find(session, self.gateway, key=self.key)
        if known is not None and known.fingerprint != self.fingerprint:
            raise Rejected("idempotency_conflict", "This key was already used for another request.")
        return answer_of(known) if known else None

    def check(self, session: Session) -> Fault | None:
        request = self.request
        self.charge = processor.held(session, self.gateway, request.charge_id)
        if request.amount.minor <= 0 or request.amount.currency != self.charge.currency:
            raise Rejected("invalid_amount", f"The amount must be positive, and in {self.charge.currency}.")
        return None

    def book(self, session: Session, scripted: SandboxScript) -> Answer:
        request = self.request
        done = SandboxInstruction(
            ref=new_ref("re" if request.kind is Movement.REFUND else "mv"),
            gateway=self.gateway,
            key=self.key,
            fingerprint=self.fingerprint,
            kind=request.kind,
            state=InstructionState.PENDING if request.kind is Movement.REFUND else InstructionState.SUCCEEDED,
            charge_ref=self.charge.ref,
            amount=request.amount.minor,
            currency=request.amount.currency,
            reason=request.reason,
            details=request.metadata,
        )
        done.error_code = _refusal(session, self.charge, done)
        if done.error_code is not None:
            done.state = InstructionState.REFUSED
        session.add(done)
        if done.error_code is None:
            _carry_out(session, self.charge, done, scripted)
        return answer_of(done)


def _refusal(session: Session, charge: SandboxCharge, asked: SandboxInstruction) -> str | None:
    """Why the sandbox would not even begin."""
    if asked.kind is Movement.REFUND:
        return "amount_too_large" if asked.amount > ledger.left(session, charge).minor else None
    if processor.lapsed(charge):
        return "authorization_expired"
    if charge.state is ChargeState.VOIDED:
        return "already_voided"
    if charge.state is not ChargeState.AUTHORIZED:
        return "already_captured" if charge.captured else "not_authorized"
    if asked.kind is Movement.VOID:
        return None if asked.amount == charge.amount else "invalid_amount"
    return "amount_too_large" if asked.amount > charge.amount else None


def _carry_out(
    session: Session, charge: SandboxCharge, done: SandboxInstruction, scripted: SandboxScript | None = None
) -> None:
    if done.kind is Movement.CAPTURE:
        charge.state = ChargeState.SUCCEEDED
        ledger.captured(session, charge, Money(done.amount, done.currency))
        events.queue(session, charge.gateway, Subject.CHARGE, "captured", charge.ref, charge.details)
    elif done.kind is Movement.VOID:
        charge.state = ChargeState.VOIDED
        events.queue(session, charge.gateway, Subject.CHARGE, "voided", charge.ref, charge.details)
    elif scripted is not None and scripted.state is ChargeState.PENDING:
        _refund_is(session, done, InstructionState.PENDING)
    elif scripted is not None and scripted.state is ChargeState.DECLINED:
        _refund_is(session, done, InstructionState.FAILED, scripted.decline_code)
    else:
        _refund_is(session, done, InstructionState.SUCCEEDED)


def _refund_is(session: Session, refund: SandboxInstruction, state: InstructionState, code: str | None = None) -> None:
    """Money leaves the balance when a refund succeeds, and comes back if it fails after that."""
    amount = Money(refund.amount, refund.currency)
    had_left = refund.state is InstructionState.SUCCEEDED
    moved = -amount if state is InstructionState.SUCCEEDED else amount if had_left else None
    if moved is not None:
        kind = ItemKind.REFUND_FAILURE if had_left else ItemKind.REFUND
        ledger.enter(session, kind, gateway=refund.gateway, source=refund.ref, charge=refund.charge_ref, gross=moved)
    refund.state, refund.error_code = state, code
    events.queue(session, refund.gateway, Subject.REFUND, state, refund.ref, refund.details)


def refund_by_hand(gateway: str, charge_ref: str, amount: Money, *, reason: str = "") -> Answer:
    """As somebody would in the processor's own pages: under no key of ours. Raises Rejected."""
    with books.writing() as session:
        charge = processor.held(session, gateway, charge_ref)
        left = ledger.left(session, charge)
        if not 0 < amount.minor <= left.minor or amount.currency != left.currency:
            raise Rejected("amount_too_large", marked("No more than what is left of the charge can be refunded."))
        refund = SandboxInstruction(
            ref=new_ref("re"),
            gateway=gateway,
            kind=Movement.REFUND,
            state=InstructionState.PENDING,
            charge_ref=charge.ref,
            amount=amount.minor,
            currency=amount.currency,
            reason=reason,
            details={},
        )
        session.add(refund)
        _carry_out(session, charge, refund)
        return answer_of(refund)


def end_refund(gateway: str, ref: str, *, error_code: str | None = None) -> Answer:
    """A pending refund arrives, or fails with `error_code`; one that had arrived may still fail. Raises Rejected."""
    with books.writing() as session:
        charge_ref = session.scalar(
            select(SandboxInstruction.charge_ref).where(
                SandboxInstruction.gateway == gateway, SandboxInstruction.ref == ref
            )
        )
        processor.held(session, gateway, charge_ref or "")
        refund = find(session, gateway, ref=ref)
        if refund is None or refund.kind is not Movement.REFUND:
            raise Rejected("no_such_refund", "The sandbox knows no such refund.")
        arrives = error_code is None and refund.state is InstructionState.PENDING
        fails = error_code is not None and refund.state in (InstructionState.PENDING, InstructionState.SUCCEEDED)
        if arrives or fails:
            _refund_is(session, refund, InstructionState.FAILED if fails else InstructionState.SUCCEEDED, error_code)
        return answer_of(refund)


def find(
    session: Session, gateway: str, *, key: str | None = None, ref: str | None = None
) -> SandboxInstruction | None:
    query = select(SandboxInstruction).where(SandboxInstruction.gateway == gateway)
    by = SandboxInstruction.ref == ref if ref else SandboxInstruction.key == key
    return session.scalar(query.where(by))


def look_up(gateway: str, key: str) -> Answer | None:
    with books.reading() as session:
        known = find(session, gateway, key=key)
        return answer_of(known) if known else None


def refund(gateway: str, ref: str) -> Answer | None:
    with books.reading() as session:
        known = find(session, gateway, ref=ref)
        is_one = known is not None and known.kind is Movement.REFUND and known.state is not InstructionState.REFUSED
        return answer_of(known) if known and is_one else None


def answer_of(done: SandboxInstruction) -> Answer:
    """As the sandbox tells of it: a refund has an id of its own, a capture or void only its charge's, and what was
    refused has none."""
    own = done.ref if done.kind is Movement.REFUND else done.charge_ref
    return {
        "id": None if done.state is InstructionState.REFUSED else own,
        "kind": str(done.kind),
        "state": str(done.state),
        "charge": done.charge_ref,
        "amount": done.amount,
        "currency": done.currency,
        "reason": done.reason,
        "key": done.key,
        "metadata": done.details,
        "error_code": done.error_code,
    }
