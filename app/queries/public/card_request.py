"""What a customer sees behind a link to add a card."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from flask_babel import gettext
from sqlalchemy import Row, func, select

from ... import clock
from ...db import db
from ...gateways.base import GatewayAccount
from ...models import Account, Contact, Gateway, GatewayState, MethodRequest, MethodSetup, PaymentMethod, Route
from ...states import declines
from ...states.attempt import AttemptStatus
from ...states.method_request import RequestStatus
from ...values import Value
from .checkout import Decline


class State(StrEnum):
    LIVE = "live"
    ACTION = "action"
    SAVING = "saving"
    NO_MORE_TRIES = "no_more_tries"
    CLOSED = "closed"
    DONE = "done"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


DEAD = frozenset({State.EXPIRED, State.REVOKED, State.SUPERSEDED})
WAITING = {AttemptStatus.STARTED, AttemptStatus.PENDING, AttemptStatus.UNKNOWN}
NOT_SAVED = {AttemptStatus.DECLINED, AttemptStatus.FAILED, AttemptStatus.CANCELLED}


class CardRequest(Value):
    """`card` is what was saved; `action` the bank's question while it waits for an answer."""

    id: int
    state: State
    account_id: int
    account: str
    person: str
    expires_at: datetime
    decline: Decline | None
    action: dict[str, Any] | None
    card: str
    gateway: GatewayAccount
    gateway_id: int
    currency: str


LAST = (
    select(func.max(MethodSetup.id))
    .where(MethodSetup.request_id == MethodRequest.id)
    .correlate(MethodRequest)
    .scalar_subquery()
)
TRIES = (
    select(func.count(MethodSetup.id))
    .where(MethodSetup.request_id == MethodRequest.id)
    .correlate(MethodRequest)
    .scalar_subquery()
)
ROW: Any = (
    select(
        MethodRequest.id,
        MethodRequest.status,
        MethodRequest.expires_at,
        MethodRequest.attempt_limit,
        TRIES.label("tries"),
        MethodRequest.account_id,
        Account.name.label("account"),
        Contact.name.label("person"),
        Route.gateway_id,
        Gateway.state.label("gateway_state"),
        Gateway.key,
        Gateway.kind,
        Gateway.mode,
        Gateway.currencies,
        Account.currency,
        MethodSetup.status.label("setup_status"),
        MethodSetup.next_action,
        MethodSetup.decline_code,
        MethodSetup.advice,
        MethodSetup.card_label,
        PaymentMethod.brand,
        PaymentMethod.last4,
    )
    .join(Account, Account.id == MethodRequest.account_id)
    .join(Contact, Contact.id == MethodRequest.contact_id)
    .join(Route, Route.id == MethodRequest.route_id)
    .join(Gateway, Gateway.id == Route.gateway_id)
    .outerjoin(MethodSetup, MethodSetup.id == LAST)
    .outerjoin(PaymentMethod, PaymentMethod.id == MethodRequest.method_id)
)


def by_link(public_id: str, generation: int) -> CardRequest | None:
    """One statement, whatever there is to find."""
    asked = ROW.where(MethodRequest.public_id == public_id, MethodRequest.generation == generation)
    row = db.session.execute(asked).one_or_none()
    return None if row is None else _view(row)


def _view(row: Row[Any]) -> CardRequest:
    state = judge(row)
    return CardRequest(
        id=row.id,
        state=state,
        account_id=row.account_id,
        account=row.account,
        person=row.person,
        expires_at=row.expires_at,
        decline=_decline(row) if state is State.LIVE else None,
        action=row.next_action if state is State.ACTION else None,
        card=f"{row.brand} •••• {row.last4}" if row.brand else "",
        gateway=GatewayAccount(row.key, row.kind, row.mode, tuple(row.currencies)),
        gateway_id=row.gateway_id,
        currency=row.currency,
    )


def judge(row: Any) -> State:
    """A card on its way outranks what became of the link meanwhile."""
    if row.status is RequestStatus.DONE:
        return State.DONE
    if row.setup_status in WAITING:
        return State.SAVING
    if row.status is not RequestStatus.LIVE:
        return State(row.status.value)
    if row.setup_status is AttemptStatus.REQUIRES_ACTION:
        return State.ACTION
    if row.expires_at <= clock.now():
        return State.EXPIRED
    if row.tries >= row.attempt_limit:
        return State.NO_MORE_TRIES
    return State.LIVE if row.gateway_state is GatewayState.ACTIVE else State.CLOSED


def _decline(row: Row[Any]) -> Decline | None:
    if row.setup_status is AttemptStatus.DECLINED:
        words = declines.explain(row.decline_code, row.advice)
        return Decline(gettext(words.reason), gettext("Use another card."), row.card_label)
    if row.setup_status in NOT_SAVED:
        return Decline(gettext("The card was not saved."), gettext("You can simply try again."), row.card_label)
    return None


def outcome(setup: str) -> tuple[int, AttemptStatus] | None:
    """Id and status of one try, by its public id; nothing else of it is for whoever knows only that."""
    row = db.session.execute(select(MethodSetup.id, MethodSetup.status).where(MethodSetup.public_id == setup)).first()
    return (row.id, row.status) if row else None
