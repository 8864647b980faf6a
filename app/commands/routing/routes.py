"""Routes: which charges take which gateway, in which order they are asked, and how a statement names us."""

from __future__ import annotations

from typing import Any, Literal

from babel.numbers import list_currencies
from flask_babel import gettext as _
from sqlalchemy import func, select

from ... import audit
from ...access import Permission, demand
from ...db import get, lock, transaction
from ...errors import Refusal
from ...gateways import descriptor, registry
from ...models import Actor, Gateway, OrderKind, Route, User
from ...states.gateway import GatewayState
from ...values import Value, as_dict


class Facts(Value, kw_only=True):
    """What a route asks for and where it leads; amounts in minor units of `currency`."""

    name: str
    gateway_id: int
    descriptor: str
    currency: str | None = None
    account_group: str = ""
    order_kind: OrderKind | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    fallback_id: int | None = None
    capture_later: bool = False


def create(key: str, facts: Facts, *, by: User) -> Route:
    """At the end of the order. Raises Refusal: `not_permitted`, `key_taken`, and what `edit` raises."""
    with transaction() as session:
        demand(by, Permission.GATEWAY_MANAGE)
        _check(facts, gateway_is_new=True)
        if session.scalar(select(Route.id).where(Route.key == key)) is not None:
            raise Refusal("key_taken", "There is a route with this key already.", "Use another.", status=422)
        last = session.scalar(select(func.max(Route.position))) or 0
        row = Route(key=key, position=last + 1, **as_dict(facts))
        session.add(row)
        row.record("created", by=Actor.of(by), **_plain(facts))
        audit.note("route.create", key, by=Actor.of(by), after=_plain(facts))
        return row


def edit(route_id: int, facts: Facts, *, by: User) -> Route:
    """For charges that start from now on; those under way keep what they were started with.

    Raises Refusal: `not_permitted`, `name_missing`, `no_currency`, `range_needs_currency`, `range_upside_down`,
    `descriptor_wrong`, `gateway_closed`, `currency_not_taken`, `fallback_is_gateway`, `cannot_capture_later`.
    """
    with transaction():
        demand(by, Permission.GATEWAY_MANAGE)
        row = lock(Route, route_id)
        before = _plain(Facts(**{name: getattr(row, name) for name in Facts.__struct_fields__}))
        _check(facts, gateway_is_new=facts.gateway_id != row.gateway_id)
        for name, value in as_dict(facts).items():
            setattr(row, name, value)
        after = _plain(facts)
        if before != after:
            row.record("edited", by=Actor.of(by), before=before, after=after)
            audit.note("route.edit", row.key, by=Actor.of(by), before=before, after=after)
        return row


def switch(route_id: int, *, on: bool, by: User) -> Route:
    """Raises Refusal: `not_permitted`, `gateway_closed`."""
    with transaction():
        demand(by, Permission.GATEWAY_MANAGE)
        row = lock(Route, route_id)
        if row.active is on:
            return row
        if on and lock(Gateway, row.gateway_id).status is GatewayState.REMOVED:
            raise _closed(row.gateway)
        row.active = on
        row.record("switched_on" if on else "switched_off", by=Actor.of(by))
        audit.note("route.switch", row.key, by=Actor.of(by), before={"active": not on}, after={"active": on})
        return row


def shift(route_id: int, direction: Literal["up", "down"], *, by: User) -> Route:
    """One place towards the first or the last; at the end it stays. Raises Refusal `not_permitted`."""
    with transaction() as session:
        demand(by, Permission.GATEWAY_MANAGE)
        rows = list(
            session.scalars(
                select(Route)
                .order_by(Route.position, Route.id)
                .with_for_update()
                .execution_options(populate_existing=True)
            )
        )
        row = get(Route, route_id)
        here = rows.index(row)
        there = here + (-1 if direction == "up" else 1)
        if 0 <= there < len(rows):
            rows[here], rows[there] = rows[there], rows[here]
            for position, each in enumerate(rows, start=1):
                each.position = position
            row.record("moved", by=Actor.of(by), direction=direction, position=row.position)
            audit.note("route.move", row.key, by=Actor.of(by), after={"order": [each.key for each in rows]})
        return row


def _plain(facts: Facts) -> dict[str, Any]:
    return {name: value for name, value in as_dict(facts).items() if value not in (None, "", False)}


def _check(facts: Facts, *, gateway_is_new: bool) -> None:
    if not facts.name.strip():
        raise Refusal("name_missing", "Type a name.", status=422)
    if facts.currency is not None and facts.currency not in list_currencies():
        raise Refusal("no_currency", _("“%(code)s” is no currency.", code=facts.currency), status=422)
    _check_range(facts)
    if complaint := descriptor.complaint(facts.descriptor):
        raise Refusal("descriptor_wrong", complaint, status=422)
    # A gateway is held before its routes are read wherever one is removed, so that neither misses the other.
    gateway = lock(Gateway, facts.gateway_id)
    if gateway_is_new and gateway.status in (GatewayState.REMOVED, GatewayState.DEPRECATED):
        raise _closed(gateway)
    _check_gateway(facts, gateway)
    if facts.fallback_id == facts.gateway_id:
        raise Refusal("fallback_is_gateway", "The fallback must be another gateway than the first one.", status=422)
    if facts.fallback_id is not None:
        fallback = lock(Gateway, facts.fallback_id)
        if fallback.status is GatewayState.REMOVED:
            raise _closed(fallback)
        _check_gateway(facts, fallback)


def _check_range(facts: Facts) -> None:
    low, high = facts.amount_min, facts.amount_max
    if (low is not None or high is not None) and facts.currency is None:
        help = _("Choose the currency that the amounts are in.")
        raise Refusal("range_needs_currency", "A range of amounts needs a currency.", help, status=422)
    if low is not None and high is not None and low > high:
        raise Refusal("range_upside_down", "The smallest amount is above the largest.", status=422)


def _check_gateway(facts: Facts, gateway: Gateway) -> None:
    if facts.currency is not None and facts.currency not in gateway.currencies:
        words = _("%(gateway)s takes no %(currency)s.", gateway=gateway.name, currency=facts.currency)
        raise Refusal("currency_not_taken", words, "Choose another gateway or currency.", status=422)
    if facts.capture_later and not registry.get(gateway).capabilities.capture_later:
        words = _("%(gateway)s cannot hold an amount and capture it later.", gateway=gateway.name)
        raise Refusal("cannot_capture_later", words, "Capture at once on this route.", status=422)


def _closed(gateway: Gateway) -> Refusal:
    words = _("%(gateway)s takes no new business: it is %(state)s.", gateway=gateway.name, state=gateway.status)
    return Refusal("gateway_closed", words, "Choose another gateway.", status=422)
