"""Whether a gateway answers. Noticed from what is asked of it anyway; a probe asks whether it is back.

Kept beside the admin's own word, never in its place: a gateway that answers again is what the admin said it is. What
is noted here is committed by itself, after the outcome that it was learned from.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, select

from ... import clock, jobs
from ...db import db, end_read, lock, read_columns, transaction
from ...errors import Refusal
from ...gateways import registry
from ...gateways.base import Outcome
from ...logs import log
from ...models import SYSTEM, Gateway, GatewayState

# So many answers in a row that told nothing, within so long, and nothing more is sent there.
MOST_SILENT = 5
WINDOW = timedelta(minutes=10)

HEALTH = select(Gateway.silent, Gateway.down_since).where(Gateway.id == bindparam("id_"))


def heard(gateway_id: int, outcome: Outcome, message: str = "") -> None:
    """What the gateway just answered: anything but UNKNOWN shows that it is there."""
    if outcome is Outcome.UNKNOWN:
        silent(gateway_id, message)
        return
    row = read_columns(HEALTH, id_=gateway_id).one()
    if row.silent or row.down_since:
        answers(gateway_id)


def silent(gateway_id: int, error: str) -> None:
    """It did not answer, or nothing that tells anything."""
    with transaction():
        row, now = lock(Gateway, gateway_id), clock.now()
        if row.silent_since is None or row.silent_since <= now - WINDOW:
            row.silent, row.silent_since = 0, now
        row.silent += 1
        if row.down_since is None and row.silent >= MOST_SILENT:
            row.down_since, row.recovered_at, row.down_error = now, None, error[:500] or "It does not answer."
            row.record("went_silent", by=SYSTEM, because=row.down_error, answers=row.silent)
            log.error("gateway.silent", gateway=row.key, answers=row.silent)


def answers(gateway_id: int) -> None:
    """It answers: whatever was counted is forgotten, and what waited may go on."""
    with transaction():
        row = lock(Gateway, gateway_id)
        row.silent, row.silent_since = 0, None
        if row.down_since is not None:
            row.record("recovered", by=SYSTEM, since=row.down_since.isoformat())
            row.down_since, row.down_error, row.recovered_at = None, None, clock.now()
            log.info("gateway.recovered", gateway=row.key)


@jobs.tick("gateways.probe", every=timedelta(minutes=1))
def probe() -> int:
    """Ask every gateway that was found silent whether it is back. Returns how many are."""
    down = db.session.scalars(
        select(Gateway.id).where(Gateway.down_since.is_not(None), Gateway.status != GatewayState.REMOVED)
    ).all()
    return sum(not check(gateway_id) for gateway_id in down)


def check(gateway_id: int) -> list[str]:
    """Ask it now what is wrong with its credentials and account; nothing: it can be used, and a silence is over."""
    account = registry.account_of(db.session.get_one(Gateway, gateway_id))
    end_read()
    try:
        complaints = registry.for_account(account).check()
    except Refusal as refusal:
        complaints = [refusal.sentence]
    if not complaints:
        answers(gateway_id)
    with transaction():
        row = lock(Gateway, gateway_id)
        row.checked_at = clock.now()
        if complaints and row.down_since is not None:
            row.down_error = " ".join(complaints)[:500]
    return complaints
