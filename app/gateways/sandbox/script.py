"""What shall happen next, on purpose: for tests, training and the console."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.orm import Session

from ... import clock
from . import books
from .cards import Fault
from .tables import Call, ChargeState, SandboxScript, SandboxSwitch

DEFAULT = "sandbox"

# Asked with every call, so built once and run by Core: is anything armed for it, or has it met something before?
CONCERNED = (
    select(SandboxScript.id)
    .where(
        SandboxScript.gateway == bindparam("gateway"),
        SandboxScript.call == bindparam("call"),
        or_(SandboxScript.taken_by.is_(None), SandboxScript.taken_by == bindparam("key")),
    )
    .limit(1)
)


def next_call(
    call: Call = Call.CHARGE,
    *,
    gateway: str = DEFAULT,
    state: ChargeState | None = None,
    decline_code: str | None = None,
    advice: str | None = None,
    fault: Fault | None = None,
    seconds: int = 0,
) -> int:
    """Queue what the next new call of this kind meets: an end in place of its own, a fault on the way, or both.

    `seconds` is how long Fault.SLOW takes. A decline code alone means DECLINED; of a refund, that it fails with this
    code, and PENDING that it waits to be settled. Returns the id to `disarm` it by.
    """
    if decline_code is not None:
        state = ChargeState.DECLINED
    row = SandboxScript(
        gateway=gateway,
        call=call,
        state=state,
        decline_code=decline_code,
        advice=advice,
        fault=fault,
        seconds=seconds,
    )
    with books.writing() as session:
        session.add(row)
        session.flush()
        return row.id


def next_charge(
    *,
    state: ChargeState | None = None,
    decline_code: str | None = None,
    advice: str | None = None,
    fault: Fault | None = None,
    seconds: int = 0,
) -> int:
    return next_call(state=state, decline_code=decline_code, advice=advice, fault=fault, seconds=seconds)


def disarm(gateway: str, script_id: int) -> bool:
    """Take back what no call has met yet; whether it was still there."""
    armed = delete(SandboxScript).where(
        SandboxScript.id == script_id, SandboxScript.gateway == gateway, SandboxScript.taken_by.is_(None)
    )
    with books.writing() as session:
        return bool(session.execute(armed).rowcount)  # type: ignore[attr-defined]


def take_down(gateway: str) -> None:
    """From now on nothing reaches it."""
    with books.writing() as session:
        _switch(session, gateway).down_since = clock.now()


def bring_up(gateway: str) -> None:
    with books.writing() as session:
        _switch(session, gateway).down_since = None


def silence(gateway: str) -> None:
    """From now on its events wait until they are sent by hand."""
    with books.writing() as session:
        _switch(session, gateway).silent_since = clock.now()


def let_speak(gateway: str) -> None:
    with books.writing() as session:
        _switch(session, gateway).silent_since = None


def _switch(session: Session, gateway: str) -> SandboxSwitch:
    found = session.get(SandboxSwitch, gateway)
    if found is None:
        found = SandboxSwitch(gateway=gateway)
        session.add(found)
    return found


def take(
    session: Session, gateway: str, call: Call, key: str, own_fault: Fault | None = None
) -> tuple[SandboxScript, Fault | None]:
    """What the call under `key` meets. A fault, the card's own or a queued one, strikes each key once only."""
    asked = {"gateway": gateway, "call": call, "key": key}
    if own_fault is None and session.connection().execute(CONCERNED, asked).first() is None:
        return SandboxScript(seconds=0), None
    of_this_kind = select(SandboxScript).where(SandboxScript.gateway == gateway, SandboxScript.call == call)
    met = session.scalar(of_this_kind.where(SandboxScript.taken_by == key))
    if met is not None:
        return met, None
    waiting = of_this_kind.where(SandboxScript.taken_by.is_(None)).order_by(SandboxScript.id).limit(1)
    row = session.scalar(waiting.with_for_update(skip_locked=True))
    if row is None and own_fault is None:
        return SandboxScript(seconds=0), None
    if row is None:
        row = SandboxScript(gateway=gateway, call=call, fault=own_fault, seconds=0)
        session.add(row)
    row.taken_by = key
    return row, row.fault


def is_armed(session: Session, gateway: str, call: Call) -> bool:
    waiting = select(SandboxScript.id).where(
        SandboxScript.gateway == gateway, SandboxScript.call == call, SandboxScript.taken_by.is_(None)
    )
    return session.scalar(waiting.limit(1)) is not None
