"""The bank's question to a payer: where it is asked, which is told by the gateway each time and never stored, since the
address may hold a secret of the payer's."""

from __future__ import annotations

from sqlalchemy import select

from ...db import db, end_read
from ...gateways import registry
from ...gateways.base import ChargeResult, Outcome
from ...gateways.setups import SetupResult
from ...models import Attempt, MethodSetup
from ...models.method import Gateway as GatewayRow
from ...states.attempt import AttemptStatus
from ...values import Value


class Question(Value):
    """About the attempt, or the saving of a card, with this public id. `answered`: the gateway waits no longer. Without
    `address` and not answered: it could not be asked now."""

    about: str
    answered: bool
    address: str | None


def open_question(payment_order_id: int) -> Question | None:
    """Of the try that waits for its payer; None: nobody is asked anything. Writes nothing."""
    row = db.session.execute(
        select(Attempt.public_id, Attempt.idempotency_key, Attempt.provider_id, GatewayRow)
        .join(GatewayRow, GatewayRow.id == Attempt.gateway_id)
        .where(Attempt.payment_order_id == payment_order_id, Attempt.status == AttemptStatus.REQUIRES_ACTION)
    ).first()
    if row is None:
        return None
    public_id, key, provider_id, gateway = row
    adapter = registry.get(gateway)
    end_read()
    return _asked(public_id, adapter.look_up(key, provider_id))


def about_card(request_id: int) -> Question | None:
    """Of the card whose holder must still confirm that it is kept; as `open_question`."""
    row = db.session.execute(
        select(MethodSetup.public_id, MethodSetup.idempotency_key, MethodSetup.provider_id, GatewayRow)
        .join(GatewayRow, GatewayRow.id == MethodSetup.gateway_id)
        .where(MethodSetup.request_id == request_id, MethodSetup.status == AttemptStatus.REQUIRES_ACTION)
    ).first()
    if row is None:
        return None
    public_id, key, provider_id, gateway = row
    adapter = registry.get(gateway)
    end_read()
    return _asked(public_id, adapter.look_up_setup(key, provider_id))


def _asked(public_id: str, told: ChargeResult | SetupResult | None) -> Question:
    waits = told is not None and told.outcome in (Outcome.REQUIRES_ACTION, Outcome.UNKNOWN)
    return Question(public_id, not waits, ((told.next_action if told else None) or {}).get("url"))
