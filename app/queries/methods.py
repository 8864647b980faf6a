"""The coverage matrix of an account: every card on file by every route, each cell a verdict and its decision (M2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from ..db import db, read_columns
from ..errors import NotFound
from ..models import (
    Account,
    CollectionMethod,
    Contact,
    Escalation,
    MethodRequest,
    PaymentAgreement,
    PaymentMethod,
    Route,
    Symptom,
)
from ..models.method import GatewayState
from ..states.agreement import RUNNING
from ..states.escalation import EscalationStatus
from ..states.method_request import RequestStatus
from ..values import Value
from .calendar import selling_day
from .coverage import Coverage, judge
from .orders import methods
from .routes import RouteRow, Wanted, Way, load, way

LATEST_REQUESTS = 10


class Column(Value):
    """A route that the account's charges may take. `gateway` is the one that is taken now, `note` why it is another
    than the route's own."""

    id: int
    key: str
    name: str
    gateway: str
    gateway_key: str
    gateway_state: GatewayState
    note: str
    takes_new_cards: bool


class Card(Value):
    """A card on file; `owner` is the contact it belongs to, if to one. `escalated`: the payment admins know of it."""

    id: int
    label: str
    expires: str
    expired: bool
    hard_declined: bool
    default: bool
    owner: str
    consent: str
    consent_at: datetime
    escalated: bool


class Row(Value):
    card: Card
    cells: tuple[Coverage, ...]


class Asked(Value):
    """A request for a card, as staff follow it."""

    id: int
    contact: str
    route: str
    status: RequestStatus
    at: datetime
    expires_at: datetime


class Matrix(Value):
    """`empty`: what each route says of an account without any card."""

    account: Account
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: tuple[Coverage, ...]
    asked: tuple[Asked, ...]


def matrix(account: Account) -> Matrix:
    """Five statements, however many cards and routes there are."""
    ways = _ways(account)
    day, known = selling_day(), methods.rows(account.id)
    extras = _extras(account.id)
    return Matrix(
        account=account,
        columns=tuple(_column(way) for way in ways),
        rows=tuple(
            Row(_card(row, account, extras, day), tuple(methods.worth(row, way.facts, day) for way in ways))
            for row in known
        ),
        empty=tuple(judge(None, way.facts, day) for way in ways),
        asked=_asked(account.id),
    )


def cards(account: Account) -> tuple[Card, ...]:
    """The cards on file, for the account's own page; two statements."""
    day, extras = selling_day(), _extras(account.id)
    return tuple(_card(row, account, extras, day) for row in methods.rows(account.id))


def cell(account_id: int, method_id: int, route_id: int) -> tuple[Column, Coverage]:
    """One cell, by what the database says now. Raises NotFound."""
    account = db.session.get_one(Account, account_id)
    found = next((way for way in _ways(account) if way.route.id == route_id), None)
    row = next((row for row in methods.rows(account_id) if row.id == method_id), None)
    if found is None or row is None:
        raise NotFound(f"method {method_id} on route {route_id}")
    return _column(found), methods.worth(row, found.facts, selling_day())


def identify(account: Account, method_id: int) -> int:
    """One of the account's own cards on file. Raises NotFound."""
    mine = select(PaymentMethod.id).where(PaymentMethod.id == method_id, PaymentMethod.account_id == account.id)
    if db.session.scalar(mine) is None:
        raise NotFound(f"method {method_id}")
    return method_id


def request_of(account: Account, request_id: int) -> int:
    """One of the account's own requests. Raises NotFound."""
    mine = select(MethodRequest.id).where(MethodRequest.id == request_id, MethodRequest.account_id == account.id)
    if db.session.scalar(mine) is None:
        raise NotFound(f"method request {request_id}")
    return request_id


def routes_for(account: Account) -> tuple[RouteRow, ...]:
    """The active routes that charges of the account may take, in their order."""
    currency, group = account.currency, account.account_group
    return tuple(
        route
        for route in load()
        if route.active
        and route.currency in (None, currency)
        and currency in route.gateway.currencies
        and route.account_group in ("", group)
    )


def _ways(account: Account) -> list[Way]:
    wanted = Wanted(account.currency, account_group=account.account_group)
    return [way(route, wanted) for route in routes_for(account)]


def _column(found: Way) -> Column:
    note = _("fallback of %(name)s", name=found.route.gateway.name) if found.by_fallback else ""
    route, gateway = found.route, found.gateway
    fresh = route.gateway.state is GatewayState.ACTIVE
    return Column(route.id, route.key, route.name, gateway.name, gateway.key, gateway.state, note, fresh)


def _extras(account_id: int) -> dict[int, Any]:
    """By method: whose it is, and whether the payment admins are on it."""
    query = (
        select(
            PaymentMethod.id, PaymentMethod.consent_text, Contact.name.label("owner"), Escalation.id.label("escalation")
        )
        .outerjoin(Contact, Contact.id == PaymentMethod.contact_id)
        .outerjoin(
            Escalation,
            (Escalation.subject_id == PaymentMethod.id)
            & (Escalation.subject_kind == "payment_method")
            & (Escalation.symptom == Symptom.RETOKENIZATION)
            & (Escalation.status != EscalationStatus.RESOLVED),
        )
        .where(PaymentMethod.account_id == account_id, PaymentMethod.detached_at.is_(None))
    )
    return {row.id: row for row in db.session.execute(query)}


def _card(row: Any, account: Account, extras: dict[int, Any], day: Any) -> Card:
    extra = extras[row.id]
    return Card(
        id=row.id,
        label=methods.label(row),
        expires=f"{row.exp_month:02d}/{row.exp_year % 100:02d}",
        expired=(row.exp_year, row.exp_month) < (day.year, day.month),
        hard_declined=row.hard_declined_at is not None,
        default=row.id == account.default_method_id,
        owner=extra.owner or "",
        consent=extra.consent_text,
        consent_at=row.consent_at,
        escalated=extra.escalation is not None,
    )


def _asked(account_id: int) -> tuple[Asked, ...]:
    query = (
        select(
            MethodRequest.id,
            Contact.name,
            Route.name,
            MethodRequest.status,
            MethodRequest.created_at,
            MethodRequest.expires_at,
        )
        .join(Contact, Contact.id == MethodRequest.contact_id)
        .join(Route, Route.id == MethodRequest.route_id)
        .where(MethodRequest.account_id == account_id)
        .order_by(MethodRequest.id.desc())
        .limit(LATEST_REQUESTS)
    )
    return tuple(Asked(*row) for row in db.session.execute(query))


def agreements_on(method_id: int) -> tuple[str, ...]:
    """The numbers of agreements that are charged to this card, or will be again."""
    query = select(PaymentAgreement.number).where(
        PaymentAgreement.method_id == method_id,
        PaymentAgreement.status.in_(RUNNING),
        PaymentAgreement.collection == CollectionMethod.SAVED_METHOD,
    )
    return tuple(read_columns(query.order_by(PaymentAgreement.id)).scalars())
