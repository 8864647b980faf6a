"""A saved card comes on file: once per account and card, with its holder's consent, and a token at the gateway.

Called inside a transaction with the account locked, by whatever moved money or saved the card.
"""

from __future__ import annotations

from sqlalchemy import select

from ...db import db, get
from ...gateways.base import CardFacts
from ...models import Actor, Gateway, PaymentMethod, Symptom, Token
from ...values import Value
from ..office import escalations
from . import forgetting, gateway_customers


class Consent(Value):
    """What the holder agreed to, who said so, and how."""

    text: str
    by: str
    how: str


def keep(account_id: int, contact_id: int | None, card: CardFacts, *, consent: Consent, by: Actor) -> PaymentMethod:
    """The card on file. Saved again, it is what it is now: with its new date, and accepted a moment ago, whatever was
    declined before."""
    method = db.session.scalars(
        select(PaymentMethod).where(
            PaymentMethod.account_id == account_id,
            PaymentMethod.fingerprint == card.fingerprint,
            PaymentMethod.detached_at.is_(None),
        )
    ).first()
    if method is None:
        method = PaymentMethod(
            account_id=account_id,
            contact_id=contact_id,
            brand=card.brand,
            last4=card.last4,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            holder=card.holder,
            fingerprint=card.fingerprint,
            consent_text=consent.text,
            consent_by=consent.by,
            consent_how=consent.how,
        )
        db.session.add(method)
        db.session.flush()
        method.record("saved", by=by, card=method.label)
    method.exp_month, method.exp_year, method.hard_declined_at = card.exp_month, card.exp_year, None
    return method


def keep_token(method: PaymentMethod, gateway_id: int, token: str, customer_ref: str | None) -> None:
    """The method at the gateway, in the place of what it was there before, which the gateway is told to forget;
    `customer_ref` is whose it is there."""
    mine = select(Token).where(Token.method_id == method.id, Token.gateway_id == gateway_id)
    known = db.session.scalars(mine.execution_options(populate_existing=True)).all()
    for row in known:
        if row.valid and row.token != token:
            forgetting.forget(row)
    db.session.flush()
    same = next((row for row in known if row.token == token), None)
    if same is None:
        db.session.add(Token(method_id=method.id, gateway_id=gateway_id, token=token))
    else:
        same.valid, same.detached_at = True, None
    _brought_over(method, gateway_id)
    if customer_ref is not None:
        gateway_customers.remember(method.account_id, gateway_id, customer_ref)


def _brought_over(method: PaymentMethod, gateway_id: int) -> None:
    """What was escalated is over once the very gateway has the card that did not."""
    asked = escalations.unresolved(Symptom.RETOKENIZATION, method.__tablename__, method.id)
    if asked is None:
        return
    gateway = get(Gateway, gateway_id)
    if asked.context.get("gateway_key") == gateway.key:
        escalations.clear(Symptom.RETOKENIZATION, method, f"The card is on file with {gateway.name} now.")
