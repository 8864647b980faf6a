"""A sandbox gateway's balance: what it keeps for itself, what it owes us, and what of a charge may still go back."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from ...money import Money, exponent, round_half_up
from ..disputes import DisputePhase
from ..movements import Movement
from ..settlement import ItemKind
from .line import new_ref
from .tables import InstructionState, SandboxCharge, SandboxDispute, SandboxEntry, SandboxInstruction

# The price list: so many percent and so many units of the currency for a charge, units for a dispute that is opened.
PERCENT = Decimal("1.5")
FIXED = Decimal("0.25")
DISPUTED = Decimal(15)

WRITE_ENTRY = insert(SandboxEntry)


def charge_fee(amount: Money) -> Money:
    """Never more than the charge itself."""
    return min(amount.percent(PERCENT) + _units(FIXED, amount.currency), amount)


def dispute_fee(currency: str) -> Money:
    return _units(DISPUTED, currency)


def _units(units: Decimal, currency: str) -> Money:
    return Money(round_half_up(units.scaleb(exponent(currency))), currency)


def enter(
    session: Session,
    kind: ItemKind,
    *,
    gateway: str,
    source: str,
    charge: str | None,
    gross: Money,
    fee: Money | None = None,
) -> None:
    kept = fee.minor if fee else 0
    values = {
        "ref": new_ref("bt"),
        "gateway": gateway,
        "kind": kind,
        "source_ref": source,
        "charge_ref": charge,
        "gross": gross.minor,
        "fee": kept,
        "net": gross.minor - kept,
        "currency": gross.currency,
    }
    session.connection().execute(WRITE_ENTRY, values)


def captured(session: Session, charge: SandboxCharge, amount: Money) -> None:
    charge.captured = amount.minor
    enter(
        session,
        ItemKind.CHARGE,
        gateway=charge.gateway,
        source=charge.ref,
        charge=charge.ref,
        gross=amount,
        fee=charge_fee(amount),
    )


def left(session: Session, charge: SandboxCharge) -> Money:
    """What may still be refunded or disputed: captured, minus refunds done and under way, minus what is disputed."""
    refunded = select(func.coalesce(func.sum(SandboxInstruction.amount), 0)).where(
        SandboxInstruction.charge_ref == charge.ref,
        SandboxInstruction.kind == Movement.REFUND,
        SandboxInstruction.state.in_([InstructionState.PENDING, InstructionState.SUCCEEDED]),
    )
    disputed = select(func.coalesce(func.sum(SandboxDispute.amount), 0)).where(
        SandboxDispute.charge_ref == charge.ref,
        SandboxDispute.inquiry.is_(False),
        SandboxDispute.phase != DisputePhase.WON,
    )
    gone = int(session.scalar(refunded) or 0) + int(session.scalar(disputed) or 0)
    return Money(charge.captured - gone, charge.currency)
