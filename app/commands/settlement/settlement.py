"""Settlement: payouts fetched, their lines matched with our transactions, and what does not fit held up to people.

Fetching again changes nothing: batches and lines are the processor's, known by its ids.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from ... import audit, clock, jobs
from ...access import Permission, demand
from ...db import db, end_read, get, insert_once, lock, transaction
from ...errors import Refusal
from ...gateways import registry
from ...gateways.base import GatewayUnreachable
from ...gateways.settlement import BalanceItem, Payout
from ...logs import log
from ...models import (
    SYSTEM,
    Actor,
    BatchState,
    Gateway,
    LineKind,
    SettlementBatch,
    SettlementException,
    SettlementLine,
    SettlementSync,
    User,
)
from ...states.settlement_exception import ExceptionEvent
from . import matching

# Processors change young payouts and add late ones; so much is looked at again each time.
LOOK_BACK = timedelta(days=14)
FIRST_LOOK_BACK = timedelta(days=90)


def sync(gateway_id: int) -> int:
    """Fetch what is new and match what can be matched; how many batches were seen. The failure is a fact on the row."""
    gateway = get(Gateway, gateway_id)
    adapter = registry.get(gateway)
    since = _since(gateway_id)
    end_read()
    if not adapter.capabilities.settlement:
        return 0
    seen, newest, error = 0, None, None
    try:
        for payout in adapter.payouts(since):
            write(gateway_id, payout)
            seen, newest = seen + 1, payout.created_at
    except GatewayUnreachable as unreachable:
        error = str(unreachable)[:500] or "It did not answer."
        log.warning("settlement.unreachable", gateway=gateway_id)
    matching.match_open(gateway_id)
    _note(gateway_id, newest, error)
    return seen


def _since(gateway_id: int) -> datetime:
    known = db.session.scalar(select(SettlementSync.known_until).where(SettlementSync.gateway_id == gateway_id))
    return known - LOOK_BACK if known else clock.now() - FIRST_LOOK_BACK


def _note(gateway_id: int, newest: datetime | None, error: str | None) -> None:
    count = func.count()
    with transaction() as session:
        insert_once(SettlementSync, gateway_id=gateway_id, batches=0, lines=0)
        row = session.get_one(SettlementSync, gateway_id, with_for_update=True, populate_existing=True)
        row.last_at, row.last_error = clock.now(), error
        row.known_until = max(filter(None, (row.known_until, newest)), default=None)
        row.batches = session.scalar(select(count).where(SettlementBatch.gateway_id == gateway_id)) or 0
        row.lines = session.scalar(select(count).where(SettlementLine.gateway_id == gateway_id)) or 0


def write(gateway_id: int, payout: Payout) -> SettlementBatch:
    """One payout with its lines, as the processor has it now."""
    with transaction() as session:
        insert_once(
            SettlementBatch,
            gateway_id=gateway_id,
            provider_id=payout.provider_id,
            state=BatchState(payout.state.value),
            currency=payout.net.currency,
            net=payout.net.minor,
            created_on=payout.created_at.date(),
            arrives_on=payout.arrives_on,
            raw_sha256=payout.raw_sha256,
            created_at=payout.created_at,
            synced_at=clock.now(),
        )
        batch = session.scalars(
            select(SettlementBatch)
            .where(SettlementBatch.gateway_id == gateway_id, SettlementBatch.provider_id == payout.provider_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        state = BatchState(payout.state.value)
        if batch.state is not state:
            batch.record("state", by=SYSTEM, moved=(batch.state, state))
            batch.state = state
        batch.arrives_on, batch.raw_sha256, batch.synced_at = payout.arrives_on, payout.raw_sha256, clock.now()
        for item in payout.items:
            _line(batch, item)
        _check_sum(batch, payout)
        return batch


def _line(batch: SettlementBatch, item: BalanceItem) -> None:
    insert_once(
        SettlementLine,
        batch_id=batch.id,
        gateway_id=batch.gateway_id,
        provider_id=item.provider_id,
        kind=LineKind(item.kind.value),
        source_id=item.source_id,
        charge_id=item.charge_id,
        currency=item.net.currency,
        gross=item.gross.minor,
        fee=item.fee.minor,
        net=item.net.minor,
        presented=item.presented.minor if item.presented else None,
        presented_currency=item.presented.currency if item.presented else None,
        rate=item.rate,
        description=item.description[:300],
        at=item.at,
    )


def _check_sum(batch: SettlementBatch, payout: Payout) -> None:
    """Charges less fees, refunds and disputes come to what was paid out (invariant 25)."""
    held = db.session.scalar(select(func.sum(SettlementLine.net)).where(SettlementLine.batch_id == batch.id)) or 0
    matching.hold(batch, matching.SUM, fits=int(held) == payout.net.minor, expected=payout.net.minor, found=int(held))


@jobs.handler("settlement.sync", lease=timedelta(minutes=10))
def sync_job(gateway_id: int) -> None:
    sync(gateway_id)


@jobs.tick("settlement.sync_all", every=timedelta(hours=1), lease=timedelta(minutes=30))
def sync_all() -> None:
    """Every gateway, removed ones too: what they owe is paid out after they are gone."""
    ids = db.session.scalars(select(Gateway.id)).all()
    end_read()
    jobs.each("settlement.sync_all", ids, sync)
    for gateway_id in ids:
        matching.find_missing(gateway_id)


def ask(gateway_id: int, *, by: User) -> None:
    """Have it fetched now. Raises Refusal: `not_permitted`."""
    with transaction():
        demand(by, Permission.SETTLEMENT_SYNC)
        gateway = get(Gateway, gateway_id)
        jobs.stage("settlement.sync", gateway_id=gateway_id)
        audit.note("settlement.sync", gateway.key, by=Actor.of(by))


def accept(exception_id: int, *, because: str, by: User) -> SettlementException:
    """Take a difference as it is. Raises Refusal: `not_permitted`, `not_open`."""
    with transaction():
        demand(by, Permission.SETTLEMENT_SYNC)
        row = lock(SettlementException, exception_id)
        if not row.can(ExceptionEvent.ACCEPT):
            raise Refusal("not_open", "This exception is closed already.", "Reload the page to see how.")
        row.transition(ExceptionEvent.ACCEPT, by=Actor.of(by), because=because)
        matching.clear_escalation(row, because)
        audit.note("settlement.accept", row.reference, by=Actor.of(by), after={"because": because, **row.facts})
        return row


def reopen(exception_id: int, *, because: str, by: User) -> SettlementException:
    """Undo an acceptance. Raises Refusal: `not_permitted`, `not_accepted`."""
    with transaction():
        demand(by, Permission.SETTLEMENT_SYNC)
        row = lock(SettlementException, exception_id)
        if not row.can(ExceptionEvent.REOPEN):
            raise Refusal("not_accepted", "This exception is still open.")
        row.transition(ExceptionEvent.REOPEN, by=Actor.of(by), because=because)
        matching.escalate(row)
        audit.note("settlement.reopen", row.reference, by=Actor.of(by), after={"because": because})
        return row
