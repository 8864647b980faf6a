"""The line between us and the sandbox. It can be down, and it can lose what it carries, on either way."""

from __future__ import annotations

import secrets
import time
from typing import Any, Protocol

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ...failpoints import failpoint
from . import books, script
from .cards import Fault
from .tables import Call, SandboxScript, SandboxSwitch

Answer = dict[str, Any]
UNBOOKED = (Fault.TIMEOUT_BEFORE, Fault.ERROR, Fault.TOO_MANY)
SILENCE = {
    Fault.TIMEOUT_BEFORE: "The sandbox did not answer in time",
    Fault.TIMEOUT_AFTER: "The sandbox did not answer in time",
    Fault.ERROR: "500 Internal Server Error",
    Fault.TOO_MANY: "429 Too Many Requests",
}

# Asked with every call, so built once and run by Core.
DOWN_SINCE = select(SandboxSwitch.down_since).where(SandboxSwitch.gateway == bindparam("gateway"))


class Rejected(Exception):
    """The request itself is wrong; nothing was booked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NoAnswer(Exception):
    """A time-out or an answer that says nothing; what was booked, only the books know."""


class NotSent(NoAnswer):
    """The connection was refused: of this call, not a byte has left."""


class Errand(Protocol):
    """One call that books something, by its key."""

    call: Call
    key: str

    def known(self, session: Session) -> Answer | None:
        """The answer that this key has got before. Raises Rejected if it was for another request."""
        ...

    def check(self, session: Session) -> Fault | None:
        """Raises Rejected where there is nothing to book; else what the card itself does to the line."""
        ...

    def book(self, session: Session, scripted: SandboxScript) -> Answer: ...


def carry(gateway: str, errand: Errand) -> Answer:
    """Book it, or answer for what is already booked under its key. Raises Rejected, NoAnswer, NotSent."""
    try:
        return _carry(gateway, errand)
    except IntegrityError:  # a twin under the same key was booked in the meantime; PostgreSQL lets both try
        return _carry(gateway, errand)


def _carry(gateway: str, errand: Errand) -> Answer:
    answer: Answer = {}
    with books.writing() as session:
        _refuse_while_down(session, gateway)
        known = errand.known(session)
        if known is not None:
            return known
        own_fault = errand.check(session)
        scripted, fault = script.take(session, gateway, errand.call, errand.key, own_fault)
        if fault not in UNBOOKED:
            answer = errand.book(session, scripted)
    failpoint("charge.in_call" if errand.call is Call.CHARGE else "movement.in_call")
    _strike(fault, scripted.seconds)
    return answer


def ask(gateway: str) -> None:
    """What a look-up meets before it is answered. Raises NoAnswer, NotSent."""
    with books.reading() as session:
        _refuse_while_down(session, gateway)
        if not script.is_armed(session, gateway, Call.ASK):
            return
    with books.writing() as session:
        scripted, fault = script.take(session, gateway, Call.ASK, secrets.token_hex(8))
    _strike(fault, scripted.seconds)


def _refuse_while_down(session: Session, gateway: str) -> None:
    if session.connection().scalar(DOWN_SINCE, {"gateway": gateway}) is not None:
        raise NotSent("The sandbox refuses every connection; it was taken down on purpose")


def _strike(fault: Fault | None, seconds: int) -> None:
    if fault is Fault.SLOW:
        time.sleep(seconds)
    elif fault is not None:
        raise NoAnswer(SILENCE[fault])


def new_ref(kind: str) -> str:
    return f"sbx_{kind}_{secrets.token_hex(14)}"
