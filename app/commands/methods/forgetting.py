"""Having a gateway forget a saved card: one taken off file, and what a card was there before it was saved anew."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from ... import clock, jobs
from ...db import db, end_read, lock, transaction
from ...gateways import registry
from ...gateways.base import GatewayUnreachable
from ...models import Attempt, Gateway, PaymentMethod, PaymentProfile, Token
from ...states.attempt import OPEN
from ..routing import gateway_health

TRY_AGAIN = timedelta(minutes=5)


def forget(token: Token) -> None:
    """Never charge it again, and have its gateway forget it. Inside a transaction."""
    token.valid = False
    jobs.stage("methods.forget", token_id=token.id)


@jobs.handler("methods.forget")
def forget_at_gateway(token_id: int) -> None:
    """Tell the gateway; put off while it does not answer, or a charge to it is under way. A card saved there anew under
    the same token in the meantime stays."""
    row = db.session.execute(
        select(Token.token, Token.gateway_id, Token.valid, Token.detached_at, PaymentProfile.customer_ref)
        .join(PaymentMethod, PaymentMethod.id == Token.method_id)
        .outerjoin(
            PaymentProfile,
            (PaymentProfile.account_id == PaymentMethod.account_id) & (PaymentProfile.gateway_id == Token.gateway_id),
        )
        .where(Token.id == token_id)
    ).one()
    if row.valid or row.detached_at is not None:
        return
    if _charged_now(row.gateway_id, row.token):
        raise jobs.Later(TRY_AGAIN, "a payment with this card is being confirmed")
    account = registry.account_of(db.session.get_one(Gateway, row.gateway_id))
    end_read()
    try:
        registry.for_account(account).detach(row.token, row.customer_ref or "")
    except GatewayUnreachable as error:
        gateway_health.silent(row.gateway_id, str(error))
        raise jobs.Later(TRY_AGAIN, str(error)) from error
    with transaction():
        token = lock(Token, token_id)
        if not token.valid and token.token == row.token:
            token.detached_at = clock.now()


def _charged_now(gateway_id: int, token: str) -> bool:
    query = select(Attempt.id).where(Attempt.status.in_(OPEN), Attempt.gateway_id == gateway_id, Attempt.token == token)
    return db.session.scalar(query.limit(1)) is not None
