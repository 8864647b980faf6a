"""Gateways: opening an account at a processor to charges, retiring it, taking it away. Credentials are never here."""

from __future__ import annotations

from datetime import date
from typing import Any

from babel.numbers import list_currencies
from flask_babel import gettext as _
from sqlalchemy import or_, select

from ... import audit
from ...access import Permission, can, demand
from ...db import db, end_read, lock, transaction
from ...errors import Refusal
from ...gateways import registry
from ...models import Actor, Gateway, Route, User
from ...states.gateway import GatewayEvent, GatewayState
from ...values import Value
from . import gateway_health

MODES = ("test", "live")


class Facts(Value, kw_only=True):
    name: str
    currencies: tuple[str, ...]


def create(key: str, kind: str, mode: str, facts: Facts, *, by: User) -> Gateway:
    """Raises Refusal: `not_permitted`, `key_taken`, `no_adapter`, `no_mode`, `name_missing`, `no_currency`."""
    with transaction() as session:
        demand(by, Permission.GATEWAY_MANAGE)
        _check(facts)
        if kind not in registry.adapters():
            words = _("No gateway of the kind “%(kind)s” is installed here.", kind=kind)
            raise Refusal("no_adapter", words, status=422)
        if mode not in MODES:
            raise Refusal("no_mode", "A gateway is for test or for live money.", status=422)
        if session.scalar(select(Gateway.id).where(Gateway.key == key)) is not None:
            raise Refusal("key_taken", "There is a gateway with this key already.", "Use another.", status=422)
        row = Gateway(key=key, kind=kind, mode=mode, name=facts.name.strip(), currencies=list(facts.currencies))
        session.add(row)
        row.record("created", by=Actor.of(by), name=row.name, kind=kind, mode=mode)
        audit.note("gateway.create", key, by=Actor.of(by), after={"name": row.name, "kind": kind, "mode": mode})
        return row


def edit(gateway_id: int, facts: Facts, *, by: User) -> Gateway:
    """Raises Refusal: `not_permitted`, `name_missing`, `no_currency`, `route_needs_currency`."""
    with transaction():
        demand(by, Permission.GATEWAY_MANAGE)
        row = lock(Gateway, gateway_id)
        _check(facts)
        _refuse_currencies_in_use(row, facts.currencies)
        before = {"name": row.name, "currencies": list(row.currencies)}
        row.name, row.currencies = facts.name.strip(), list(facts.currencies)
        after = {"name": row.name, "currencies": row.currencies}
        if before != after:
            row.record("edited", by=Actor.of(by), before=before, after=after)
            audit.note("gateway.edit", row.key, by=Actor.of(by), before=before, after=after)
        return row


def move(gateway_id: int, event: GatewayEvent, *, because: str, by: User, legacy_until: date | None = None) -> Gateway:
    """Say what it may do from now on. `legacy_until` goes with DEPRECATE: through that day its cards may still be
    charged for running agreements.

    Raises Refusal: `not_permitted`, `reason_missing`, `no_move`, `routes_point_here`.
    """
    with transaction():
        demand(by, Permission.GATEWAY_MANAGE)
        row = lock(Gateway, gateway_id)
        if not because.strip():
            raise Refusal("reason_missing", "Say why; it stays with the gateway's history.", status=422)
        if not row.can(event):
            raise Refusal("no_move", "This gateway is %(state)s already.", "Reload the page.", state=row.status)
        if event is GatewayEvent.REMOVE:
            _refuse_while_needed(row)
        before = row.status
        row.transition(event, by=Actor.of(by), because=because.strip())
        row.legacy_until = legacy_until if row.status is GatewayState.DEPRECATED else None
        after = {"status": row.status, "because": because.strip(), "legacy_until": _iso(row.legacy_until)}
        audit.note(f"gateway.{event}", row.key, by=Actor.of(by), before={"status": before}, after=after)
        return row


def check(gateway_id: int, *, by: User) -> list[str]:
    """Ask it now whether it can be used; what is wrong, a sentence each. Raises Refusal `not_permitted`."""
    if not can(Permission.GATEWAY_MANAGE, by):
        demand(by, Permission.PAYMENT_OPERATE)
    end_read()
    return gateway_health.check(gateway_id)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _check(facts: Facts) -> None:
    if not facts.name.strip():
        raise Refusal("name_missing", "Type a name.", status=422)
    unknown = [code for code in facts.currencies if code not in list_currencies()]
    if unknown or not facts.currencies:
        words = _("“%(code)s” is no currency.", code=unknown[0]) if unknown else _("Say which currencies it takes.")
        raise Refusal("no_currency", words, "Write codes such as EUR, with spaces between.", status=422)


def pointing_at(gateway_id: int) -> list[Any]:
    """The active routes that go there, first or as a fallback, by their order."""
    here = or_(Route.gateway_id == gateway_id, Route.fallback_id == gateway_id)
    query = select(Route.key, Route.name, Route.currency).where(Route.active, here).order_by(Route.position, Route.id)
    return list(db.session.execute(query))


def _refuse_while_needed(row: Gateway) -> None:
    if names := ", ".join(route.name for route in pointing_at(row.id)):
        raise Refusal(
            "routes_point_here",
            "%(gateway)s cannot be removed while routes go there: %(routes)s.",
            "Migrate these routes or switch them off first.",
            gateway=row.name,
            routes=names,
        )


def _refuse_currencies_in_use(row: Gateway, currencies: tuple[str, ...]) -> None:
    for route in pointing_at(row.id):
        if route.currency and route.currency not in currencies:
            raise Refusal(
                "route_needs_currency",
                "The route “%(route)s” takes %(currency)s here.",
                "Migrate the route or switch it off first.",
                route=route.name,
                currency=route.currency,
            )
