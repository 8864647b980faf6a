"""Saved methods: which one is the account's own, taking one off file, and having one brought over."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from ... import audit, clock
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...models import (
    Account,
    Actor,
    Attempt,
    Escalation,
    PaymentMethod,
    Symptom,
    User,
)
from ...queries import methods as queries
from ...queries.coverage import Verdict
from ...states.attempt import OPEN
from ..office import escalations
from . import forgetting


def make_default(method_id: int, *, by: User) -> PaymentMethod:
    """What is charged where nobody chose. Raises Refusal: `not_permitted`, `off_file`."""
    with transaction():
        demand(by, Permission.METHOD_ADD)
        account, method = _locked(method_id)
        before = account.default_method_id
        account.default_method_id = method.id
        if before != method.id:
            account.record("default_method", by=Actor.of(by), card=method.label)
            audit.note("method.default", account.number, by=Actor.of(by), before=before, after=method.label)
        return method


def detach(method_id: int, *, because: str, by: User) -> PaymentMethod:
    """Take it off file at once; each gateway is told to forget it by a job, which goes on until one has heard.

    Raises Refusal: `not_permitted`, `reason_missing`, `off_file`, `payment_in_progress`.
    """
    with transaction():
        demand(by, Permission.METHOD_DETACH)
        account, method = _locked(method_id)
        if not because.strip():
            raise Refusal("reason_missing", "Say why; it stays with the account's history.", status=422)
        _refuse_while_charged(method)
        take_off(account, method, because=because.strip(), by=Actor.of(by))
        return method


def take_off(account: Account, method: PaymentMethod, *, because: str, by: Actor) -> None:
    """Inside a transaction, with both held."""
    method.detached_at = clock.now()
    method.record("detached", by=by, because=because, card=method.label)
    if account.default_method_id == method.id:
        account.default_method_id = None
    escalations.clear(Symptom.RETOKENIZATION, method, "The card was taken off file.")
    for token in method.tokens:
        if token.detached_at is None:
            forgetting.forget(token)
    audit.note("method.detach", account.number, by=by, before=method.label, after=because)


def _locked(method_id: int) -> tuple[Account, PaymentMethod]:
    account = lock(Account, get(PaymentMethod, method_id).account_id)
    method = lock(PaymentMethod, method_id)
    if method.detached_at is not None:
        raise Refusal("off_file", "This card was taken off file already.", "Reload the page.")
    return account, method


def _refuse_while_charged(method: PaymentMethod) -> None:
    open_one = select(Attempt.id).where(Attempt.method_id == method.id, Attempt.status.in_(OPEN)).limit(1)
    if db.session.scalar(open_one) is not None:
        words = _("A payment with this card is being confirmed.")
        raise Refusal("payment_in_progress", words, "Take the card off file once its outcome is known.")


def escalate(method_id: int, route_id: int, *, by: User) -> Escalation:
    """Ask the payment admins to bring a card over to the route's gateway; once, whoever asks again.

    Raises Refusal: `not_permitted`, `off_file`, `nothing_to_retokenize`.
    """
    with transaction():
        demand(by, Permission.METHOD_VIEW)
        account, method = _locked(method_id)
        column, cell = queries.cell(account.id, method.id, route_id)
        if cell.verdict is not Verdict.RETOKENIZE:
            raise Refusal("nothing_to_retokenize", cell.reason, cell.decision)
        return escalations.open(
            Symptom.RETOKENIZATION,
            method,
            f"{method.label}, {account.number}"[:100],
            cell.reason,
            by=Actor.of(by),
            account_id=account.id,
            route=column.name,
            gateway=column.gateway,
            gateway_key=column.gateway_key,
        )
