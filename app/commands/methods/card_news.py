"""What a gateway tells of a saved card by itself: it was removed there, or its bank renewed it.

An event is a hint only; what the gateway says of the card when it is asked is what is written down, so that any order
and any number of them end the same way.
"""

from __future__ import annotations

from sqlalchemy import select

from ... import audit, clock
from ...db import db, end_read, lock, transaction
from ...gateways import registry
from ...gateways.outcome import CardFacts
from ...models import SYSTEM, Account, Gateway, PaymentMethod, Token
from ..dunning import cards
from . import methods

FACTS = ("brand", "last4", "exp_month", "exp_year", "fingerprint")
RENEWAL = ("last4", "exp_month", "exp_year")


def hear(gateway_id: int, ref: str) -> bool:
    """The gateway has news of the card that it knows as `ref`. False where no card of ours is meant. Raises
    GatewayUnreachable."""
    known = db.session.execute(
        select(Token.id, Token.method_id, PaymentMethod.account_id)
        .join(PaymentMethod, PaymentMethod.id == Token.method_id)
        .where(Token.gateway_id == gateway_id, Token.token == ref)
    ).one_or_none()
    if known is None:
        return False
    account = registry.account_of(db.session.get_one(Gateway, gateway_id))
    end_read()
    card = registry.for_account(account).saved_card(ref)
    with transaction() as session:
        lock(Account, known.account_id)
        method, token = lock(PaymentMethod, known.method_id), lock(Token, known.id)
        name = session.get_one(Gateway, gateway_id).name
        _gone(method, token, name) if card is None else _told(method, token, card, name)
    return True


def _gone(method: PaymentMethod, token: Token, gateway: str) -> None:
    """Off file once no other gateway has it; which of its gateways forgot it is told in any case."""
    was_in_use = token.valid
    token.valid, token.detached_at = False, token.detached_at or clock.now()
    if not was_in_use or method.detached_at is not None:
        return
    account, because = db.session.get_one(Account, method.account_id), f"It was removed at {gateway}."
    if any(other.valid for other in method.tokens):
        method.record("removed_at_gateway", by=SYSTEM, because=because, card=method.label)
        audit.note("method.removed_at_gateway", account.number, by=SYSTEM, before=method.label, after=because)
    else:
        methods.take_off(account, method, because=because, by=SYSTEM)


def _told(method: PaymentMethod, token: Token, card: CardFacts, gateway: str) -> None:
    """Renewed, if it has another number or day than we knew: then what its bank declined before counts no more, and
    what dunning waits for is charged to it at once. A card that names no fingerprint keeps the one it had; one that
    names another is the same card still, as each gateway has its own."""
    now = {name: getattr(card, name) or getattr(method, name) for name in FACTS}
    if not token.valid or method.detached_at is not None:
        return
    if all(now[name] == getattr(method, name) for name in RENEWAL):
        method.fingerprint = method.fingerprint or now["fingerprint"]
        return
    before = _words(method)
    for name, value in now.items():
        setattr(method, name, value)
    method.hard_declined_at = None
    account = db.session.get_one(Account, method.account_id)
    method.record("renewed", by=SYSTEM, because=f"Its bank renewed it, says {gateway}.", card=method.label)
    audit.note("method.renew", account.number, by=SYSTEM, before=before, after=_words(method))
    cards.renewed(method, asked_by=gateway)


def _words(method: PaymentMethod) -> str:
    return f"{method.label}, {method.exp_month:02d}/{method.exp_year}"
