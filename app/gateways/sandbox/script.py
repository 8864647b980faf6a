"""What shall happen next, on purpose: for tests, training and the console."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from . import books
from .cards import Fault
from .tables import ChargeState, SandboxScript


def next_charge(
    *,
    state: ChargeState | None = None,
    decline_code: str | None = None,
    advice: str | None = None,
    fault: Fault | None = None,
    seconds: int = 0,
) -> None:
    """Queue what the next new charge meets: an end in place of its card's own, a fault on the way, or both.

    `seconds` is how long Fault.SLOW takes. A decline code alone means DECLINED.
    """
    if decline_code is not None:
        state = ChargeState.DECLINED
    row = SandboxScript(state=state, decline_code=decline_code, advice=advice, fault=fault, seconds=seconds)
    with books.writing() as session:
        session.add(row)


def take(session: Session, key: str, own_fault: Fault | None) -> tuple[SandboxScript, Fault | None]:
    """What the charge under `key` meets. A fault, the card's own or a queued one, strikes each key once only."""
    met = session.scalar(select(SandboxScript).where(SandboxScript.taken_by == key))
    if met is not None:
        return met, None
    waiting = select(SandboxScript).where(SandboxScript.taken_by.is_(None)).order_by(SandboxScript.id).limit(1)
    row = session.scalar(waiting.with_for_update(skip_locked=True))
    if row is None and own_fault is None:
        return SandboxScript(seconds=0), None
    if row is None:
        row = SandboxScript(fault=own_fault, seconds=0)
        session.add(row)
    row.taken_by = key
    return row, row.fault
