"""Which way a charge goes: the one home of matching, of fallbacks, and of what a gateway may be used for.

A route is chosen before anything is sent, and the attempt keeps what was chosen: after a request has left, whatever
became of it, no other gateway is tried with it (spec/payments.md, "Gateways and routes").
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import BigInteger, bindparam, select

from ..db import read_columns
from ..errors import NotFound, Refusal
from ..gateways.base import GatewayAccount
from ..models import Account, Gateway, GatewayState, OrderKind, OrderLine, PaymentOrder, Route
from ..money import Money
from ..values import Value
from .calendar import selling_day
from .coverage import RouteFacts, legacy_allows
from .nested import json_rows


class Wanted(Value):
    """What a charge is like, as far as routes care. `amount` in minor units; None, where it is not known yet, lies in
    every range. `agreement`: it charges what a running agreement asks for. `route_id`: the route that was chosen for
    it, which goes before the others as long as it matches."""

    currency: str
    amount: int | None = None
    account_group: str = ""
    kind: OrderKind = OrderKind.ONE_TIME
    agreement: bool = False
    route_id: int | None = None


class GatewayRow(Value):
    id: int
    key: str
    kind: str
    mode: str
    name: str
    state: GatewayState
    currencies: tuple[str, ...]
    legacy_until: date | None

    @property
    def account(self) -> GatewayAccount:
        return GatewayAccount(self.key, self.kind, self.mode, self.currencies)

    def takes(self, wanted: Wanted) -> bool:
        """Whether such a charge may be sent there now."""
        if wanted.currency not in self.currencies:
            return False
        if self.state is GatewayState.DEPRECATED:
            return wanted.agreement and legacy_allows(self.legacy_until, selling_day())
        return self.state is GatewayState.ACTIVE


class RouteRow(Value):
    id: int
    key: str
    name: str
    position: int
    active: bool
    currency: str | None
    account_group: str
    order_kind: OrderKind | None
    amount_min: int | None
    amount_max: int | None
    descriptor: str
    capture_later: bool
    gateway: GatewayRow
    fallback: GatewayRow | None

    @property
    def least(self) -> Money | None:
        return _money(self.amount_min, self.currency)

    @property
    def most(self) -> Money | None:
        return _money(self.amount_max, self.currency)

    def matches(self, wanted: Wanted) -> bool:
        return (
            self.active
            and self.currency in (None, wanted.currency)
            and wanted.currency in self.gateway.currencies
            and self.account_group in ("", wanted.account_group)
            and self.order_kind in (None, wanted.kind)
            and self._spans(wanted.amount)
        )

    def _spans(self, amount: int | None) -> bool:
        if amount is None:
            return True
        low, high = self.amount_min, self.amount_max
        return (low is None or low <= amount) and (high is None or amount <= high)


class Way(Value):
    """A route and the gateway that is taken on it now: its own, or the fallback while its own cannot be used. Not
    `open`: neither can."""

    route: RouteRow
    gateway: GatewayRow
    open: bool

    @property
    def by_fallback(self) -> bool:
        return self.gateway.id != self.route.gateway.id

    @property
    def facts(self) -> RouteFacts:
        gateway = self.gateway
        return RouteFacts(self.route.name, gateway.id, gateway.name, gateway.state, gateway.legacy_until)


def _money(minor: int | None, currency: str | None) -> Money | None:
    return Money(minor, currency) if minor is not None and currency is not None else None


def first(routes: Sequence[RouteRow], wanted: Wanted) -> RouteRow | None:
    """The first of `routes`, which come in their order, that matches; before them the one that was chosen."""
    chosen = (route for route in routes if route.id == wanted.route_id)
    return next((route for route in (*chosen, *routes) if route.matches(wanted)), None)


def fitting(routes: Sequence[RouteRow], wanted: Wanted) -> list[Way]:
    """Every open way that such a charge could take, in the order of the rules."""
    found = [way(route, wanted) for route in routes if route.matches(wanted)]
    return [each for each in found if each.open]


def way(route: RouteRow, wanted: Wanted) -> Way:
    for gateway in (route.gateway, route.fallback):
        if gateway is not None and gateway.takes(wanted):
            return Way(route, gateway, True)
    return Way(route, route.gateway, False)


def find(routes: Sequence[RouteRow], wanted: Wanted) -> Way | None:
    """The way of such a charge, open or not; None where no route matches."""
    route = first(routes, wanted)
    return way(route, wanted) if route else None


def choose(wanted: Wanted, among: Sequence[RouteRow] | None = None) -> Way:
    """The open way of such a charge, by what the database says now, or `among` routes that were loaded before. Raises
    Refusal `no_route`."""
    found = find(load() if among is None else among, wanted)
    if found is None:
        raise Refusal(
            "no_route",
            "No payment route takes %(currency)s for this at the moment, so nothing can be charged.",
            "A payment admin can open a route for it.",
            currency=wanted.currency,
        )
    if not found.open:
        raise Refusal("no_route", why_closed(found), "A payment admin can say more, or move the route.")
    return found


def why_closed(found: Way) -> str:
    names = {"route": found.route.name, "gateway": found.gateway.name}
    return {
        GatewayState.UNAVAILABLE: _("“%(route)s” goes to %(gateway)s, which is unavailable at the moment.", **names),
        GatewayState.DEPRECATED: _("“%(route)s” goes to %(gateway)s, which takes no new business any more.", **names),
        GatewayState.REMOVED: _("“%(route)s” goes to %(gateway)s, which was removed.", **names),
    }[found.gateway.state]


LIKE = select(
    Account.account_group,
    select(OrderLine.id)
    .where(OrderLine.order_id == bindparam("order_id_", type_=BigInteger), OrderLine.frequency.is_not(None))
    .exists(),
).where(Account.id == bindparam("account_id_"))


def wanted(
    account_id: int,
    amount: Money,
    order_id: int | None = None,
    *,
    agreement: bool = False,
    recurring: bool = False,
    route_id: int | None = None,
) -> Wanted:
    """What a charge of `amount` is like; one statement. An order is recurring if anything in it is, and so is what an
    agreement asks for, whoever pays it."""
    row: Any = read_columns(LIKE, account_id_=account_id, order_id_=order_id).one()
    group, recurs = row
    return Wanted(amount.currency, amount.minor or None, group, kind_of(recurs or recurring), agreement, route_id)


def asked(row: PaymentOrder, amount: Money) -> Wanted:
    """What a charge of `amount` on a payment order is like that a person makes."""
    chosen, recurring = row.chosen_route_id, row.agreement_id is not None
    return wanted(row.account_id, amount, row.order_id, recurring=recurring, route_id=chosen)


def kind_of(recurring: object) -> OrderKind:
    return OrderKind.RECURRING if recurring else OrderKind.ONE_TIME


# Both tables whole, as two columns that any statement can carry along: there are a handful of rows in each.
ROUTES = (
    select(
        json_rows(
            id=Route.id,
            key=Route.key,
            name=Route.name,
            position=Route.position,
            active=Route.active,
            currency=Route.currency,
            account_group=Route.account_group,
            order_kind=Route.order_kind,
            amount_min=Route.amount_min,
            amount_max=Route.amount_max,
            descriptor=Route.descriptor,
            capture_later=Route.capture_later,
            gateway=Route.gateway_id,
            fallback=Route.fallback_id,
        )
    )
    .select_from(Route)
    .correlate(None)
    .scalar_subquery()
)
GATEWAYS = (
    select(
        json_rows(
            id=Gateway.id,
            key=Gateway.key,
            kind=Gateway.kind,
            mode=Gateway.mode,
            name=Gateway.name,
            state=Gateway.state,
            currencies=Gateway.currencies,
            legacy_until=Gateway.legacy_until,
        )
    )
    .select_from(Gateway)
    .correlate(None)
    .scalar_subquery()
)
COLUMNS: tuple[Any, ...] = (ROUTES.label("routes"), GATEWAYS.label("gateways"))
TABLE: Any = select(*COLUMNS)


def load() -> tuple[RouteRow, ...]:
    """Every route in its order, as the database has them now; one statement."""
    return of(read_columns(TABLE).one())


def gateways() -> tuple[GatewayRow, ...]:
    """By name; one statement."""
    return tuple(sorted((_gateway(x) for x in read_columns(TABLE).one().gateways), key=lambda g: (g.name, g.id)))


def gateway(gateway_id: int) -> GatewayRow:
    """Raises NotFound."""
    found = next((each for each in gateways() if each.id == gateway_id), None)
    if found is None:
        raise NotFound(f"gateway {gateway_id}")
    return found


def by_key(key: str) -> RouteRow:
    """Raises NotFound."""
    found = next((route for route in load() if route.key == key), None)
    if found is None:
        raise NotFound(f"route {key}")
    return found


def of(row: Any) -> tuple[RouteRow, ...]:
    """From a row that carries `COLUMNS`."""
    gateways = {x["id"]: _gateway(x) for x in row.gateways}
    ordered = sorted(row.routes, key=lambda x: (x["position"], x["id"]))
    return tuple(_route(x, gateways) for x in ordered)


def _gateway(x: dict[str, Any]) -> GatewayRow:
    """SQLite nests a JSON column as its text."""
    currencies = json.loads(x["currencies"]) if isinstance(x["currencies"], str) else x["currencies"]
    until = date.fromisoformat(x["legacy_until"]) if x["legacy_until"] else None
    changed = {"state": GatewayState(x["state"]), "currencies": tuple(currencies), "legacy_until": until}
    return GatewayRow(**{**x, **changed})


def _route(x: dict[str, Any], gateways: dict[int, GatewayRow]) -> RouteRow:
    changed = {
        "active": bool(x["active"]),
        "capture_later": bool(x["capture_later"]),
        "order_kind": OrderKind(x["order_kind"]) if x["order_kind"] else None,
        "gateway": gateways[x["gateway"]],
        "fallback": gateways.get(x["fallback"]),
    }
    return RouteRow(**{**x, **changed})
