"""The nightly look at the books: whatever contradicts itself is escalated, and cleared once it no longer does."""

from __future__ import annotations

from datetime import timedelta

from ... import jobs
from ...db import db, end_read, lock, transaction
from ...logs import log
from ...models import Company, Symptom
from ...queries import invariants
from . import escalations


def check() -> list[str]:
    """Every complaint; opens the one escalation about them, or clears it."""
    complaints = invariants.broken()
    end_read()
    with transaction():
        company = lock(Company, 1)
        if not complaints:
            escalations.clear(Symptom.INVARIANT_BROKEN, company, "All of it holds again.")
            return []
        log.error("invariants.broken", complaints=complaints)
        escalations.open(
            Symptom.INVARIANT_BROKEN,
            company,
            company.name,
            f"The books contradict themselves: {complaints[0]}",
            complaints=complaints[:50],
        )
    return complaints


@jobs.tick("invariants.check", every=timedelta(days=1), lease=timedelta(hours=2))
def _nightly() -> None:
    if db.session.get(Company, 1) is not None:  # without a seller nothing was sold
        check()
