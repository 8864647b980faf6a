"""Asking about charges whose end is not known: by the clock, and when the gateway says that it has news."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from ... import clock, jobs
from ...db import db, end_read
from ...errors import NotFound
from ...gateways import registry
from ...models import Attempt, Gateway
from ...states.attempt import AttemptStatus
from . import authorizations, charges, outcomes


def hear(attempt_id: int) -> Attempt:
    """The gateway has news of a charge: ask what became of it, whatever we thought. A late success counts, nothing
    else moves an attempt that has ended (invariants 13, 14)."""
    attempt = db.session.get(Attempt, attempt_id, populate_existing=True)
    if attempt is None:
        raise NotFound(f"attempt {attempt_id}")
    if attempt.status is AttemptStatus.SUCCEEDED:
        authorizations.look(attempt_id)
        return attempt
    gateway = registry.for_account(registry.account_of(db.session.get_one(Gateway, attempt.gateway_id)))
    key, provider_id = attempt.idempotency_key, attempt.provider_id
    end_read()
    result = gateway.look_up(key, provider_id)
    return charges.settle(attempt_id, result) if result is not None else db.session.get_one(Attempt, attempt_id)


def sweep(limit: int = 100) -> int:
    """Ask about every attempt whose time has come; one that breaks takes its turn again, behind the others.

    Returns how many were due.
    """
    due = db.session.scalars(
        select(Attempt.id)
        .where(Attempt.ask_at.is_not(None), Attempt.ask_at <= clock.now())
        .order_by(Attempt.ask_at)
        .limit(limit)
    ).all()
    end_read()
    jobs.each("inquiries.sweep", due, charges.ask, broke=outcomes.ask_later)
    return len(due)


@jobs.tick("inquiries.sweep", every=timedelta(seconds=10))
def _sweep() -> None:
    sweep()
