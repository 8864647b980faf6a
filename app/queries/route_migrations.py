"""What becomes of saved cards when a route goes to another gateway: beforehand, while it runs, and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Row, func, select
from sqlalchemy.orm import aliased

from ..db import db, read_columns
from ..errors import NotFound
from ..models import Account, Fate, Gateway, MigratedMethod, PaymentMethod, Route, RouteMigration, Token, User
from ..states.route_migration import MigrationEvent, MigrationStatus
from ..values import Value
from .calendar import selling_day
from .coverage import RouteFacts, Verdict
from .orders import methods
from .routes import GatewayRow, RouteRow

SHOWN = 100
LATEST = 10


class Outlook(Value):
    """One saved card: whose, and what it is after the move."""

    method_id: int
    card: str
    account: str
    account_number: str
    fate: Fate
    note: str


class Preview(Value):
    counts: dict[Fate, int]
    methods: tuple[Outlook, ...]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class MigrationLine(Value):
    id: int
    route: str
    source: str
    target: str
    status: MigrationStatus
    by: str
    at: datetime


class MigrationPage(Value):
    """`done` of `total` cards are looked at. `can_reverse`, `can_detach`: what is still possible."""

    line: MigrationLine
    route_key: str
    done: int
    total: int
    counts: dict[Fate, int]
    methods: tuple[Outlook, ...]
    asks_customers: bool
    can_reverse: bool
    can_detach: bool


def concerned(route: RouteRow, from_gateway_id: int) -> Any:
    """The cards on file that charges of `route` could take at its gateway, oldest first."""
    token = select(Token.id).where(
        Token.method_id == PaymentMethod.id, Token.gateway_id == from_gateway_id, Token.valid
    )
    query = (
        select(*methods.METHODS.selected_columns, Account.name.label("account"), Account.number, Account.currency)
        .add_columns(Account.hold_reason)
        .join(Account, Account.id == PaymentMethod.account_id)
        .where(PaymentMethod.detached_at.is_(None), token.exists())
        .order_by(PaymentMethod.id)
    )
    if route.account_group:
        query = query.where(Account.account_group == route.account_group)
    if route.currency:
        query = query.where(Account.currency == route.currency)
    return query


def outlook(row: Row[Any], route: RouteRow, target: GatewayRow, day: date) -> Outlook:
    """What the card of `row` is once the route goes to `target`."""
    fate, note = _fate(row, route, target, day)
    return Outlook(row.id, methods.label(row), row.account, row.number, fate, note)


def _fate(row: Row[Any], route: RouteRow, target: GatewayRow, day: date) -> tuple[Fate, str]:
    if row.currency not in target.currencies:
        return Fate.BLOCKED, _("%(gateway)s takes no %(currency)s.", gateway=target.name, currency=row.currency)
    if row.hold_reason:
        return Fate.BLOCKED, _("The account is on hold: %(reason)s", reason=row.hold_reason)
    facts = RouteFacts(route.name, target.id, target.name, target.state, target.legacy_until)
    found = methods.worth(row, facts, day)
    if found.verdict is Verdict.READY:
        return Fate.READY, _("On file with %(gateway)s, too.", gateway=target.name)
    if found.verdict in (Verdict.RETOKENIZE, Verdict.NEW_METHOD):
        return Fate.NEW_CARD, found.reason
    return Fate.BLOCKED, found.reason


def preview(route: RouteRow, target: GatewayRow) -> Preview:
    day = selling_day()
    every = [outlook(row, route, target, day) for row in read_columns(concerned(route, route.gateway.id))]
    return Preview(Counter(x.fate for x in every), tuple(every[:SHOWN]))


def count(route: RouteRow) -> int:
    query = concerned(route, route.gateway.id).order_by(None)
    return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0


def batch(route: RouteRow, from_gateway_id: int, after: int, limit: int) -> Iterator[Row[Any]]:
    """The next cards that nobody has looked at yet."""
    query = concerned(route, from_gateway_id).where(PaymentMethod.id > after).limit(limit)
    yield from db.session.execute(query)


def _lines() -> Any:
    source, target = aliased(Gateway), aliased(Gateway)
    return (
        select(
            RouteMigration.id,
            Route.name.label("route"),
            source.name.label("source"),
            target.name.label("target"),
            RouteMigration.status,
            User.name.label("by"),
            RouteMigration.created_at.label("at"),
            Route.key.label("route_key"),
            RouteMigration.total,
            RouteMigration.ask_customers,
        )
        .join(Route, Route.id == RouteMigration.route_id)
        .join(source, source.id == RouteMigration.from_gateway_id)
        .join(target, target.id == RouteMigration.to_gateway_id)
        .join(User, User.id == RouteMigration.created_by_id)
        .order_by(RouteMigration.id.desc())
    )


def _line(row: Any) -> MigrationLine:
    return MigrationLine(row.id, row.route, row.source, row.target, row.status, row.by, row.at)


def latest() -> tuple[MigrationLine, ...]:
    return tuple(_line(row) for row in db.session.execute(_lines().limit(LATEST)))


def page(migration_id: int) -> MigrationPage:
    """Raises NotFound."""
    row = db.session.execute(_lines().where(RouteMigration.id == migration_id)).one_or_none()
    if row is None:
        raise NotFound(f"route migration {migration_id}")
    mine = MigratedMethod.migration_id == migration_id
    tally = db.session.execute(
        select(MigratedMethod.fate, func.count()).where(mine).group_by(MigratedMethod.fate)
    ).all()
    counts = {row[0]: row[1] for row in tally}
    allowed = {event for (status, event) in RouteMigration.EDGES if status is row.status}
    return MigrationPage(
        line=_line(row),
        route_key=row.route_key,
        done=sum(counts.values()),
        total=max(row.total, sum(counts.values())),
        counts=counts,
        methods=_methods(migration_id),
        asks_customers=row.ask_customers,
        can_reverse=MigrationEvent.REVERSE in allowed,
        can_detach=MigrationEvent.DETACH in allowed,
    )


def _methods(migration_id: int) -> tuple[Outlook, ...]:
    query: Any = (
        select(
            PaymentMethod.id,
            PaymentMethod.brand,
            PaymentMethod.last4,
            Account.name,
            Account.number,
            MigratedMethod.fate,
            MigratedMethod.note,
        )
        .join(PaymentMethod, PaymentMethod.id == MigratedMethod.method_id)
        .join(Account, Account.id == PaymentMethod.account_id)
        .where(MigratedMethod.migration_id == migration_id)
        .order_by(MigratedMethod.fate.desc(), MigratedMethod.id)
        .limit(SHOWN)
    )
    found = db.session.execute(query)
    return tuple(Outlook(r.id, methods.label(r), r.name, r.number, r.fate, r.note) for r in found)
