"""Sending movements to their gateway, and asking about those whose end is not known; never under a second key."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from ... import clock, jobs
from ...db import db, end_read, get
from ...failpoints import failpoint
from ...gateways import registry
from ...gateways.base import Gateway, GatewayUnreachable, Outcome
from ...gateways.movements import MovementRequest, MovementResult
from ...models import Gateway as GatewayRow
from ...models import Movement, TransactionAction
from ...states.movement import MovementStatus
from . import authorizations, movement_outcomes, post_processing

SEND_AGAIN_WITHIN = timedelta(minutes=10)


@jobs.handler("movements.execute")
def execute(movement_id: int) -> Movement:
    """Call the gateway with the movement's own key, commit what it said, and let follow what follows."""
    call = _prepare(movement_id)
    if call is None:
        return get(Movement, movement_id)
    gateway, request = call
    end_read()
    result = gateway.move(request)
    failpoint("movement.answered")
    return settle(movement_id, result)


def _prepare(movement_id: int) -> tuple[Gateway, MovementRequest] | None:
    """None if its end is known, if it waits for a person, or if it is so old that the gateway may have forgotten its
    key: then it is only asked about (invariant 10)."""
    row = _fresh(movement_id)
    if not row.is_asked or row.elsewhere or row.sent_from <= clock.now() - SEND_AGAIN_WITHIN:
        return None
    return _adapter(row.gateway_id), MovementRequest.from_dict(row.request)


def _fresh(movement_id: int) -> Movement:
    row = get(Movement, movement_id)
    db.session.refresh(row)
    return row


def _adapter(gateway_id: int) -> Gateway:
    return registry.for_account(registry.account_of(get(GatewayRow, gateway_id)))


def ask(movement_id: int) -> Movement:
    """Ask the gateway about a movement whose end is not known. Never guesses; may raise GatewayUnreachable."""
    row = _fresh(movement_id)
    if not row.is_asked:
        return row
    gateway, provider_id, age = _adapter(row.gateway_id), row.provider_id, clock.now() - row.sent_from
    request = None if row.elsewhere else MovementRequest.from_dict(row.request)
    end_read()
    result = _asked(gateway, request, provider_id)
    if result is not None:
        return settle(movement_id, result)
    if request is None:
        raise GatewayUnreachable(f"the gateway does not know its own refund {provider_id}")
    if age < SEND_AGAIN_WITHIN:
        return execute(movement_id)
    return settle(movement_id, _never_arrived(request))


def _asked(gateway: Gateway, request: MovementRequest | None, provider_id: str | None) -> MovementResult | None:
    """What was made at the processor has no key of ours, so it is asked for by its name."""
    if request is not None:
        return gateway.look_up_movement(request, provider_id)
    return gateway.refund(provider_id or "")


def _never_arrived(request: MovementRequest) -> MovementResult:
    return MovementResult(
        request.kind,
        Outcome.FAILED,
        None,
        request.charge_id,
        None,
        error_code="never_arrived",
        message="The gateway has no record of this; nothing was moved.",
    )


def settle(movement_id: int, result: MovementResult) -> Movement:
    """Write down what the gateway said, and let follow what follows."""
    row, transaction_id = movement_outcomes.write(movement_id, result)
    failpoint("movement.outcome_committed")
    if transaction_id is not None:
        post_processing.run(transaction_id)
    elif row.status is MovementStatus.FAILED and row.action is not TransactionAction.REFUND:
        attempt_id = row.attempt_id  # a hold that cannot be taken nor let go may be no hold any more
        end_read()
        authorizations.look(attempt_id)
    return row


def hear(gateway_id: int, refund_id: str) -> bool:
    """The gateway has news of a refund, whoever made it; whether anything of ours was refunded."""
    gateway = _adapter(gateway_id)
    end_read()
    result = gateway.refund(refund_id)
    movement_id = movement_outcomes.recognize(gateway_id, result) if result is not None else None
    if result is None or movement_id is None:
        return False
    settle(movement_id, result)
    return True


def sweep(limit: int = 100) -> int:
    """Ask about every movement whose time has come; returns how many were due."""
    due = db.session.scalars(
        select(Movement.id)
        .where(Movement.ask_at.is_not(None), Movement.ask_at <= clock.now())
        .order_by(Movement.ask_at)
        .limit(limit)
    ).all()
    end_read()
    jobs.each("movements.sweep", due, ask, broke=movement_outcomes.ask_later)
    return len(due)


@jobs.tick("movements.sweep", every=timedelta(seconds=10))
def _sweep() -> None:
    sweep()
