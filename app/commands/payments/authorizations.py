"""Money that is held and not taken yet: a warning before a hold lapses, and what happens once it is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from ... import clock, jobs
from ...db import db, end_read, get, lock, transaction
from ...gateways import registry
from ...gateways.base import ChargeResult, Outcome
from ...gateways.movements import Movement as Move
from ...gateways.movements import MovementResult
from ...models import (
    SYSTEM,
    Account,
    Attempt,
    Gateway,
    Movement,
    PaymentOrder,
    SalesOrder,
    Transaction,
    TransactionAction,
)
from ...models.order import TAG_LAPSED, TAG_LAPSES
from ...money import Money
from ...states.movement import HOLDING
from ..post import mails
from . import movement_outcomes, post_processing

A = TransactionAction
WARN_BEFORE = timedelta(days=2)
_End = aliased(Transaction)


def _open_holds() -> Any:
    """Ids of attempts whose authorization nothing has ended."""
    ended = exists().where(_End.parent_id == Transaction.id, _End.action.in_((A.CAPTURE, A.VOID)))
    return (
        select(Attempt.id)
        .join(Transaction, Transaction.attempt_id == Attempt.id)
        .where(Transaction.action == A.AUTHORIZE, ~ended)
    )


def look(attempt_id: int) -> None:
    """Ask the gateway whether it still holds the money; one that lapsed, or was voided there, is let go here too."""
    if db.session.scalar(_open_holds().where(Attempt.id == attempt_id)) is None:
        return
    attempt = get(Attempt, attempt_id)
    gateway = registry.for_account(registry.account_of(get(Gateway, attempt.gateway_id)))
    key, provider_id = attempt.idempotency_key, attempt.provider_id
    end_read()
    result = gateway.look_up(key, provider_id)
    if result is None or result.outcome is not Outcome.FAILED:
        return
    transaction_id = _gone(attempt_id, result)
    if transaction_id is not None:
        post_processing.run(transaction_id)


def _gone(attempt_id: int, result: ChargeResult) -> int | None:
    """The transaction of a void that nobody here asked for; None while one of ours, or a capture, is on its way and
    will tell."""
    with transaction():
        attempt = get(Attempt, attempt_id)
        lock(Account, attempt.payment_order.account_id)
        order = lock(SalesOrder, attempt.payment_order.order_id) if attempt.payment_order.order_id else None
        lock(PaymentOrder, attempt.payment_order_id)
        parent = db.session.scalars(
            select(Transaction).where(Transaction.attempt_id == attempt_id, Transaction.action == A.AUTHORIZE)
        ).one()
        ending = select(Movement.id).where(Movement.parent_id == parent.id, Movement.status.in_(HOLDING))
        if db.session.scalar(ending.limit(1)) is not None:
            return None
        if order is not None and attempt.held_until is not None and attempt.held_until <= clock.now():
            order.untag(TAG_LAPSES)
            order.tag(TAG_LAPSED)
        gone = _as_void(result)
        return movement_outcomes.apply(movement_outcomes.elsewhere(A.VOID, parent, gone), gone)


def _as_void(result: ChargeResult) -> MovementResult:
    """All of a hold goes at once; the gateway's answer about the charge is the evidence."""
    return MovementResult(
        Move.VOID,
        Outcome.SUCCEEDED,
        result.provider_id,
        result.provider_id,
        result.amount,
        reason=result.message,
        raw_sha256=result.raw_sha256,
    )


def warn(attempt_id: int) -> None:
    """Said once, on the order and to its owner, while there is time to capture."""
    with transaction():
        attempt = get(Attempt, attempt_id)
        payment_order = attempt.payment_order
        order = lock(SalesOrder, payment_order.order_id) if payment_order.order_id else None
        lock(PaymentOrder, payment_order.id)
        attempt = lock(Attempt, attempt_id)
        if attempt.lapse_told_at is not None or attempt.held_until is None:
            return
        attempt.lapse_told_at = clock.now()
        until = attempt.held_until.isoformat()
        payment_order.record("lapses", by=SYSTEM, amount=attempt.amount, currency=attempt.currency, until=until)
        if order is not None:
            order.tag(TAG_LAPSES)
            mails.authorization_lapses(attempt, amount=Money(attempt.amount, attempt.currency), by=SYSTEM)


@jobs.tick("authorizations.watch", every=timedelta(minutes=10))
def watch(limit: int = 200) -> None:
    """Warn of holds that lapse soon, and look at those whose time is over."""
    soon, now = clock.now() + WARN_BEFORE, clock.now()
    to_warn = _open_holds().where(Attempt.held_until <= soon, Attempt.lapse_told_at.is_(None))
    to_look = _open_holds().where(Attempt.held_until <= now)
    warned, over = (list(db.session.scalars(x.order_by(Attempt.held_until).limit(limit))) for x in (to_warn, to_look))
    end_read()
    jobs.each("authorizations.warn", warned, warn)
    jobs.each("authorizations.look", over, look)
