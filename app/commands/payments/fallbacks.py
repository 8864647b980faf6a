"""A charge that surely reached nobody goes to its route's fallback gateway, as an attempt of its own.

Only what no other call may have carried there meanwhile, and only by a token that the fallback knows: never after an
unknown, and never with a card field's alias of another gateway (spec/payments.md, "Gateways and routes").
"""

from __future__ import annotations

from sqlalchemy import select

from ...db import db, get, transaction
from ...errors import Refusal
from ...gateways.base import ChargeResult, Outcome
from ...models import SYSTEM, ActorKind, Attempt, Gateway, PaymentIntent, PaymentOrder, Token
from ...queries import routes
from ...states.attempt import AttemptStatus
from ..agreements import outcomes as agreement_outcomes
from ..routing import gateway_health
from . import claims, outcomes
from .claims import Instrument

NOT_REACHED = "The gateway could not be reached; nothing was charged."


def end_unsent(attempt_id: int, message: str) -> bool:
    """End an attempt of which not one byte has left; False where another call under its key may have got through."""
    result = ChargeResult(Outcome.FAILED, None, None, decline_code="not_reached", message=NOT_REACHED)
    with transaction():
        attempt, order = outcomes.lock_chain(attempt_id)
        if attempt.status is not AttemptStatus.STARTED or attempt.called_at is not None:
            return False
        outcomes.apply(attempt, order, result)
    gateway_health.silent(attempt.gateway_id, message)
    return True


def claim(attempt_id: int) -> int | None:
    """The attempt that takes its place at the fallback; where there may be none, the lost one says why."""
    try:
        return _claim(attempt_id)
    except Refusal as refusal:
        _say(attempt_id, refusal.sentence)
    return None


def _claim(attempt_id: int) -> int | None:
    with transaction():
        lost = get(Attempt, attempt_id)
        intent, payment_order, order = claims.lock_chain(lost.intent_id)
        way = _way(lost, intent, payment_order)
        if way is None:
            return None
        _refuse_foreign_card(lost, way)
        claims.refuse_unless_allowed(intent, lost.actor)
        intent.attempt_limit += 1  # a try that reached nobody is none of the payer's
        claims.refuse_unless_payable(intent, payment_order, order)
        claims.refuse_beyond_hold(way, order)
        attempt = claims.write(
            intent,
            payment_order,
            Instrument(method_id=lost.method_id),
            way,
            by=lost.actor,
            receipt_email=lost.receipt_email,
            fallback_of=lost.id,
        )
        agreement_outcomes.taken_up(attempt)
        first = get(Gateway, lost.gateway_id).name
        attempt.record("fell_back", by=SYSTEM, gateway=way.gateway.name, first=first)
        return attempt.id


def _way(lost: Attempt, intent: PaymentIntent, payment_order: PaymentOrder) -> routes.Way | None:
    """The route that was taken, by its fallback; None where that was taken already, or cannot be used."""
    route = next((x for x in routes.load() if x.id == lost.route_id), None)
    if route is None or route.fallback is None or not route.active or lost.gateway_id != route.gateway.id:
        return None
    recurring = payment_order.agreement_id is not None
    kind = {"agreement": recurring and lost.actor_kind == ActorKind.SYSTEM, "recurring": recurring}
    wanted = routes.wanted(payment_order.account_id, intent.money, payment_order.order_id, **kind)
    return routes.Way(route, route.fallback, True) if route.fallback.takes(wanted) else None


def _refuse_foreign_card(lost: Attempt, way: routes.Way) -> None:
    name = way.gateway.name
    if lost.method_id is None:
        raise Refusal("card_of_another", "%(gateway)s cannot charge a card entered for another gateway.", gateway=name)
    known = select(Token.id).where(Token.method_id == lost.method_id, Token.gateway_id == way.gateway.id, Token.valid)
    if db.session.scalar(known) is None:
        raise Refusal("card_of_another", "%(gateway)s does not know this saved card.", gateway=name)


def _say(attempt_id: int, sentence: str) -> None:
    with transaction():
        attempt, _order = outcomes.lock_chain(attempt_id)
        attempt.error = f"{attempt.error} {sentence}"[:500]
        attempt.record("no_fallback", by=SYSTEM, because=sentence)
