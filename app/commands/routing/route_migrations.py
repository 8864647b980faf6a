"""Moving a route to another gateway: a job looks at every saved card, then the route goes over, and can come back
until the old gateway has been told to forget the cards."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from ... import audit, clock, forms, jobs
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...logs import log
from ...models import (
    SYSTEM,
    Account,
    Actor,
    Fate,
    Gateway,
    MigratedMethod,
    PaymentMethod,
    Route,
    RouteMigration,
    Token,
    User,
)
from ...queries import route_migrations as queries
from ...queries import routes
from ...queries.calendar import selling_day
from ...states.gateway import GatewayState
from ...states.route_migration import MigrationEvent, MigrationStatus
from ..methods import forgetting, method_requests

BATCH = 50


def start(route_id: int, to_gateway_id: int, *, ask_customers: bool, form_key: str, by: User) -> RouteMigration:
    """Raises Refusal: `not_permitted`, `same_gateway`, `gateway_closed`, `currency_not_taken`, `migration_running`,
    `key_reused`."""
    content = ["route_migration", route_id, to_gateway_id, ask_customers]
    with transaction() as session:
        demand(by, Permission.GATEWAY_MANAGE)
        target, route = lock(Gateway, to_gateway_id), lock(Route, route_id)
        if (known := forms.answered(form_key, content)) is not None:
            return session.get_one(RouteMigration, known["id"])
        _refuse(route, target)
        row = RouteMigration(
            route_id=route.id,
            from_gateway_id=route.gateway_id,
            to_gateway_id=target.id,
            ask_customers=ask_customers,
            total=queries.count(routes.by_key(route.key)),
            created_by_id=by.id,
        )
        session.add(row)
        row.record("started", by=Actor.of(by), route=route.key, to=target.key)
        audit.note("route.migrate", route.key, by=Actor.of(by), before=route.gateway.key, after=target.key)
        jobs.stage("route_migrations.run", migration_id=row.id)
        forms.remember(form_key, content, id=row.id)
        return row


def _refuse(route: Route, target: Gateway) -> None:
    if route.gateway_id == target.id:
        raise Refusal(
            "same_gateway",
            "“%(route)s” goes to %(gateway)s already.",
            status=422,
            gateway=target.name,
            route=route.name,
        )
    if target.state is not GatewayState.ACTIVE:
        raise Refusal(
            "gateway_closed",
            "%(gateway)s takes no new business now.",
            status=422,
            gateway=target.name,
            route=route.name,
        )
    if route.currency and route.currency not in target.currencies:
        words = _("%(gateway)s takes no %(currency)s.", gateway=target.name, currency=route.currency)
        raise Refusal("currency_not_taken", words, status=422)
    running = select(RouteMigration.id).where(
        RouteMigration.route_id == route.id, RouteMigration.status == MigrationStatus.RUNNING
    )
    if db.session.scalar(running) is not None:
        raise Refusal(
            "migration_running", "“%(route)s” is being migrated already.", gateway=target.name, route=route.name
        )


@jobs.handler("route_migrations.run")
def run(migration_id: int) -> None:
    """Look at the cards in batches, each committed by itself, then take the route over. Safe to run twice at once: the
    migration is held while a batch is written, and knows how far it is."""
    while _look(migration_id):
        pass


def _look(migration_id: int) -> bool:
    """One batch, or the end; whether there is more to do."""
    with transaction() as session:
        row = lock(RouteMigration, migration_id)
        if row.status is not MigrationStatus.RUNNING:
            return False
        route, day = routes.by_key(row.route.key), selling_day()
        target = routes.gateway(row.to_gateway_id)
        found = list(queries.batch(route, row.from_gateway_id, row.last_method_id, BATCH))
        for card in found:
            fate = queries.outlook(card, route, target, day)
            session.add(MigratedMethod(migration_id=row.id, method_id=card.id, fate=fate.fate, note=fate.note[:300]))
            row.last_method_id = card.id
        if not found:
            _take_over(row)
        return bool(found)


def _take_over(row: RouteMigration) -> None:
    route, target = lock(Route, row.route_id), row.to_gateway
    route.gateway_id = target.id
    if route.fallback_id == target.id:
        route.fallback_id = None
    row.ended_at = clock.now()
    row.transition(MigrationEvent.FINISH, by=SYSTEM)
    route.record("migrated", by=SYSTEM, to=target.key)
    audit.note("route.migrated", route.key, by=SYSTEM, before=row.from_gateway.key, after=target.key)
    if row.ask_customers:
        jobs.stage("route_migrations.ask", migration_id=row.id)


@jobs.handler("route_migrations.ask")
def ask(migration_id: int) -> None:
    """Mail the link for a new card to every account with a card that needs one; once, however often this runs."""
    migration = get(RouteMigration, migration_id)
    by, route_id = get(User, migration.created_by_id), migration.route_id
    waiting = (
        select(PaymentMethod.account_id)
        .join(MigratedMethod, MigratedMethod.method_id == PaymentMethod.id)
        .where(MigratedMethod.migration_id == migration_id, MigratedMethod.fate == Fate.NEW_CARD)
        .distinct()
    )
    for account_id in db.session.scalars(waiting).all():
        try:
            with transaction():
                account = lock(Account, account_id)
                if account.billing_contact_id is not None:
                    contact_id, cause = account.billing_contact_id, f"migration-{migration_id}-{account_id}"
                    method_requests.send(account_id, contact_id, route_id, form_key=cause, by=by)
        except Refusal as refusal:
            log.warning("route_migration.nobody_asked", account=account_id, because=refusal.code)


def reverse(migration_id: int, *, by: User) -> RouteMigration:
    """Stop it while it runs; once done, take the route back. Raises Refusal: `not_permitted`, `no_way_back`."""
    with transaction():
        demand(by, Permission.GATEWAY_MANAGE)
        source = lock(Gateway, get(RouteMigration, migration_id).from_gateway_id)
        row = lock(RouteMigration, migration_id)
        if not row.can(MigrationEvent.REVERSE):
            words = _("The old gateway was told to forget the cards, or this was taken back already.")
            raise Refusal("no_way_back", words)
        if row.status is MigrationStatus.DONE:
            _take_back(row, source, by)
        row.ended_at = clock.now()
        row.transition(MigrationEvent.REVERSE, by=Actor.of(by))
        audit.note("route.migration_reverse", row.route.key, by=Actor.of(by), after=source.key)
        return row


def _take_back(row: RouteMigration, source: Gateway, by: User) -> None:
    route = lock(Route, row.route_id)
    if route.gateway_id != row.to_gateway_id or source.status is GatewayState.REMOVED:
        words = _("The route goes elsewhere by now, or its old gateway was removed.")
        raise Refusal("no_way_back", words, "Migrate it as it is now.")
    route.gateway_id = source.id
    route.record("migration_reversed", by=Actor.of(by), to=source.key)


def detach(migration_id: int, *, by: User) -> RouteMigration:
    """Have the old gateway forget the cards that are ready at the new one; there is no way back from here.

    Raises Refusal: `not_permitted`, `not_done`.
    """
    with transaction() as session:
        demand(by, Permission.GATEWAY_MANAGE)
        row = lock(RouteMigration, migration_id)
        if not row.can(MigrationEvent.DETACH):
            raise Refusal("not_done", "Only a migration that is done can be finished for good.")
        tokens = (
            select(Token)
            .join(MigratedMethod, MigratedMethod.method_id == Token.method_id)
            .where(MigratedMethod.migration_id == row.id, MigratedMethod.fate == Fate.READY)
            .where(Token.gateway_id == row.from_gateway_id, Token.detached_at.is_(None))
        )
        for token in session.scalars(tokens).all():
            forgetting.forget(token)
        row.transition(MigrationEvent.DETACH, by=Actor.of(by))
        audit.note("route.migration_detach", row.route.key, by=Actor.of(by), after=row.from_gateway.key)
        return row
