"""The bank behind the sandbox: it knows what waits for its cardholder, a payment or a card to be kept."""

from __future__ import annotations

from sqlalchemy import select

from . import books, processor, setups
from .line import Answer
from .tables import SandboxCharge, SandboxSetup


def by_ref(ref: str) -> Answer | None:
    """For the bank's page, which knows a reference and not whose it is. What saves a card has no `amount`."""
    with books.reading() as session:
        charge = session.scalar(select(SandboxCharge).where(SandboxCharge.ref == ref))
        if charge is not None:
            return processor.answer_of(charge)
        setup = session.scalar(select(SandboxSetup).where(SandboxSetup.ref == ref))
        return setups.answer_of(setup) if setup else None


def confirm(gateway: str, ref: str, *, approved: bool) -> Answer:
    """Raises Rejected."""
    of = setups if ref.startswith("sbx_seti_") else processor
    return of.confirm(gateway, ref, approved=approved)
