"""Gateways for the payment admin: what each may do and does, which routes go there, and what waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Row, func, select

from ..db import db, read_columns
from ..errors import NotFound
from ..formatting import day
from ..models import (
    Account,
    Attempt,
    Gateway,
    GatewayState,
    History,
    MethodRequest,
    MethodSetup,
    PaymentIntent,
    PaymentOrder,
    Route,
    Token,
)
from ..money import Money
from ..states.attempt import OPEN
from ..states.gateway import GatewayEvent
from ..states.intent import IntentStatus
from ..values import Value

MOST_WAITING = 50
MOST_HISTORY = 30


class GatewayLine(Value):
    """One gateway in the list; `routes` are the names of the active ones that go there, `waiting` how much does."""

    id: int
    key: str
    kind: str
    mode: str
    name: str
    status: GatewayState
    state: GatewayState
    currencies: tuple[str, ...]
    legacy_until: date | None
    down_since: datetime | None
    down_error: str | None
    checked_at: datetime | None
    recovered_at: datetime | None
    routes: tuple[str, ...]
    cards: int
    waiting: int

    @property
    def meaning(self) -> str:
        return meaning(self.state, self.legacy_until)


class Waiting(Value):
    """Something that goes on once the gateway answers. `number` is a payment order's or an account's."""

    what: str
    number: str
    account: str
    amount: Money | None
    since: datetime


class GatewayPage(Value):
    line: GatewayLine
    waits: tuple[Waiting, ...]
    history: Sequence[Row[Any]]
    events: tuple[GatewayEvent, ...]


def meaning(state: GatewayState, legacy_until: date | None) -> str:
    """What a state means, in a sentence."""
    if state is GatewayState.DEPRECATED and legacy_until is not None:
        until = day(legacy_until)
        return _("No new business. Cards already here may be charged for running agreements until %(day)s.", day=until)
    return {
        GatewayState.ACTIVE: _("Takes charges and new cards."),
        GatewayState.DEPRECATED: _("No new business, and nothing is charged here any more."),
        GatewayState.REMOVED: _("No new charge. Refunds, disputes, events and settlement of past charges go on."),
        GatewayState.UNAVAILABLE: _("Nothing new is sent. What is under way waits, and goes on once it answers."),
    }[state]


def every() -> tuple[GatewayLine, ...]:
    """All of them by name; three statements."""
    rows = db.session.execute(_lines()).all()
    names, waits = _routes(), counts_waiting()
    return tuple(_line(row, names, waits) for row in rows)


def page(key: str) -> GatewayPage:
    """Raises NotFound."""
    row = db.session.execute(_lines().where(Gateway.key == key)).one_or_none()
    if row is None:
        raise NotFound(f"gateway {key}")
    line = _line(row, _routes(), counts_waiting())
    events = tuple(event for (status, event) in Gateway.EDGES if status is line.status)
    return GatewayPage(line, waiting(row.id), _history(row.id), events)


def _lines() -> Any:
    cards = select(func.count(Token.id)).where(Token.gateway_id == Gateway.id, Token.valid).scalar_subquery()
    return select(
        Gateway.id,
        Gateway.key,
        Gateway.kind,
        Gateway.mode,
        Gateway.name,
        Gateway.status,
        Gateway.state.label("state"),
        Gateway.currencies,
        Gateway.legacy_until,
        Gateway.down_since,
        Gateway.down_error,
        Gateway.checked_at,
        Gateway.recovered_at,
        cards.label("cards"),
    ).order_by(Gateway.name, Gateway.id)


def _line(row: Any, names: dict[int, list[str]], waits: dict[int, int]) -> GatewayLine:
    facts = row._asdict() | {"currencies": tuple(row.currencies)}
    return GatewayLine(**facts, routes=tuple(names.get(row.id, ())), waiting=waits.get(row.id, 0))


def _routes() -> dict[int, list[str]]:
    """Names of active routes by the gateway that they lead to, first or as a fallback."""
    found: dict[int, list[str]] = {}
    query = select(Route.name, Route.gateway_id, Route.fallback_id).where(Route.active)
    for row in db.session.execute(query.order_by(Route.position, Route.id)):
        found.setdefault(row.gateway_id, []).append(row.name)
        if row.fallback_id is not None:
            found.setdefault(row.fallback_id, []).append(_("%(route)s (fallback)", route=row.name))
    return found


def _checkouts() -> Any:
    """Live checkouts with the gateway that their payment order's route leads to."""
    return (
        select(
            Route.gateway_id,
            PaymentOrder.number,
            Account.name.label("account"),
            PaymentIntent.amount,
            PaymentIntent.currency,
            PaymentIntent.created_at,
        )
        .join(PaymentOrder, PaymentOrder.id == PaymentIntent.payment_order_id)
        .join(Account, Account.id == PaymentOrder.account_id)
        .join(Route, Route.id == PaymentOrder.route_id)
        .where(PaymentIntent.status == IntentStatus.LIVE)
    )


def _attempts() -> Any:
    return (
        select(
            Attempt.gateway_id,
            PaymentOrder.number,
            Account.name.label("account"),
            Attempt.amount,
            Attempt.currency,
            Attempt.created_at,
        )
        .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
        .join(Account, Account.id == PaymentOrder.account_id)
        .where(Attempt.status.in_(OPEN))
    )


def _setups() -> Any:
    return (
        select(MethodSetup.gateway_id, Account.number, Account.name.label("account"), MethodSetup.created_at)
        .join(MethodRequest, MethodRequest.id == MethodSetup.request_id)
        .join(Account, Account.id == MethodRequest.account_id)
        .where(MethodSetup.status.in_(OPEN))
    )


def counts_waiting() -> dict[int, int]:
    """How many payments, checkouts and cards being saved hang on each gateway, by its id; one statement."""
    parts = [part.subquery() for part in (_attempts(), _checkouts(), _setups())]
    ids = [select(part.c.gateway_id) for part in parts]
    every = ids[0].union_all(*ids[1:]).subquery()
    query = select(every.c.gateway_id, func.count().label("number")).group_by(every.c.gateway_id)
    return {row.gateway_id: row.number for row in read_columns(query)}


def waiting(gateway_id: int) -> tuple[Waiting, ...]:
    """The oldest of what hangs on it."""
    found = []
    for what, query, by in (
        (_("Payment under way"), _attempts(), Attempt.gateway_id),
        (_("Open checkout"), _checkouts(), Route.gateway_id),
        (_("Card being saved"), _setups(), MethodSetup.gateway_id),
    ):
        for row in read_columns(query.where(by == gateway_id).limit(MOST_WAITING)):
            amount = Money(row.amount, row.currency) if "amount" in row._fields else None
            found.append(Waiting(what, row.number, row.account, amount, row.created_at))
    return tuple(sorted(found, key=lambda x: x.since)[:MOST_WAITING])


def _history(gateway_id: int) -> Sequence[Row[Any]]:
    query: Any = select(History.event, History.to_status, History.actor_name, History.because, History.at)
    mine = query.where(History.entity == "gateway", History.entity_id == gateway_id)
    return db.session.execute(mine.order_by(History.id.desc()).limit(MOST_HISTORY)).all()


def identify(key: str) -> int:
    """Raises NotFound."""
    found = db.session.scalar(select(Gateway.id).where(Gateway.key == key))
    if found is None:
        raise NotFound(f"gateway {key}")
    return found


def happened(event: str) -> str:
    """An event of a gateway's or route's history, in words."""
    return {
        "created": _("Added"),
        "edited": _("Edited"),
        GatewayEvent.ACTIVATE: _("Activated"),
        GatewayEvent.DEPRECATE: _("Deprecated"),
        GatewayEvent.SUSPEND: _("Switched off for a while"),
        GatewayEvent.REMOVE: _("Removed"),
        "went_silent": _("Found silent"),
        "recovered": _("Answers again"),
        "switched_on": _("Switched on"),
        "switched_off": _("Switched off"),
        "moved": _("Moved in the order"),
        "migrated": _("Migrated to another gateway"),
        "migration_reversed": _("Migration taken back"),
    }.get(event, event)
