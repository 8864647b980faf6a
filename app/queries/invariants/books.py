"""Rules 9 and 25: what a gateway has booked against what we know of it.

The sandbox's books can be read here like ours, so they are compared row by row; other gateways are compared by
settlement.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, select

from ... import clock
from ...gateways.sandbox.tables import ChargeState, SandboxCharge
from ...models import Attempt, Gateway, Transaction, TransactionAction
from .asking import found


def charges_without_attempt(grace: timedelta) -> list[str]:
    rows = found(
        select(SandboxCharge.ref)
        .outerjoin(Attempt, Attempt.idempotency_key == SandboxCharge.key)
        .where(Attempt.id.is_(None))
    )
    return [f"the sandbox booked {r.ref}, and no attempt asked for it" for r in rows]


def apart(grace: timedelta) -> list[str]:
    before = clock.now() - grace
    ours = and_(
        Transaction.gateway_id == Gateway.id,
        Transaction.provider_id == SandboxCharge.ref,
        Transaction.action.in_((TransactionAction.CHARGE, TransactionAction.AUTHORIZE)),
        Transaction.amount == SandboxCharge.amount,
        Transaction.currency == SandboxCharge.currency,
    )
    unheard = found(
        select(SandboxCharge.ref)
        .join(Gateway, Gateway.key == SandboxCharge.gateway)
        .outerjoin(Transaction, ours)
        .where(
            SandboxCharge.state == ChargeState.SUCCEEDED, SandboxCharge.created_at <= before, Transaction.id.is_(None)
        )
    )
    unbooked = found(
        select(Transaction.provider_id)
        .join(Gateway, and_(Gateway.id == Transaction.gateway_id, Gateway.kind == "sandbox"))
        .outerjoin(SandboxCharge, SandboxCharge.ref == Transaction.provider_id)
        .where(Transaction.action == TransactionAction.CHARGE, SandboxCharge.id.is_(None))
    )
    return [
        *(f"the sandbox booked {r.ref}, our books do not have it" for r in unheard),
        *(f"our books have {r.provider_id}, the sandbox does not" for r in unbooked),
    ]
