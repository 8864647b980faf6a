"""Gateways, routes, cards on file and requests for cards, as tests want them."""

from __future__ import annotations

import itertools
from typing import Any

from sqlalchemy import select

from app.access import Role
from app.commands.agreements import runs
from app.commands.methods import method_requests
from app.commands.routing import gateways, route_migrations, routes
from app.db import db, transaction
from app.models import (
    Account,
    Gateway,
    MethodRequest,
    PaymentMethod,
    PaymentProfile,
    RecurringRun,
    Route,
    RouteMigration,
    Token,
    User,
)
from tests import factories

_count = itertools.count(1)
WORLD = ("EUR", "USD", "JPY", "KWD")


def admin() -> User:
    return factories.user(Role.PAYMENT_ADMIN)


def first_gateway() -> Gateway:
    """The one that every test company has."""
    factories.company()
    return db.session.scalars(select(Gateway).order_by(Gateway.id)).first()  # type: ignore[return-value]


def first_route() -> Route:
    factories.company()
    return db.session.scalars(select(Route).order_by(Route.position, Route.id)).first()  # type: ignore[return-value]


def gateway(key: str = "", *, currencies: tuple[str, ...] = WORLD) -> Gateway:
    """A second account at the sandbox."""
    factories.company()
    key = key or f"second-{next(_count)}"
    facts = gateways.Facts(name=key.replace("-", " ").title(), currencies=currencies)
    return gateways.create(key, "sandbox", "test", facts, by=admin())


def facts(gateway_id: int, **changes: Any) -> routes.Facts:
    return routes.Facts(**({"name": "Second route", "gateway_id": gateway_id, "descriptor": "BRIGHTWATER"} | changes))


def route(gateway_id: int, **changes: Any) -> Route:
    return routes.create(f"route-{next(_count)}", facts(gateway_id, **changes), by=admin())


def card(customer: Account, *gateway_ids: int, **changes: Any) -> PaymentMethod:
    """A card on file, with a token at each gateway; at the first one if none is named."""
    account_id, at = customer.id, gateway_ids or (first_gateway().id,)
    n = next(_count)
    values = {
        "account_id": account_id,
        "brand": "Visa",
        "last4": f"{n:04}",
        "exp_month": 12,
        "exp_year": 2031,
        "fingerprint": f"fp-{n}",
        "consent_text": "May be kept.",
        "consent_by": "Maria Keller",
        "consent_how": "checkout",
    } | changes
    with transaction() as session:
        row = PaymentMethod(**values)
        row.tokens = [Token(gateway_id=id, token=f"tok-{n}-{id}") for id in at]
        session.add(row)
        for id in at:
            known = select(PaymentProfile.id).where(
                PaymentProfile.account_id == account_id, PaymentProfile.gateway_id == id
            )
            if session.scalar(known) is None:
                session.add(PaymentProfile(account_id=account_id, gateway_id=id, customer_ref=f"cus-{account_id}"))
    return row


def asked(customer: Account, route: Route | None = None, *, key: str = "") -> MethodRequest:
    """The account's billing contact was mailed the link to add a card."""
    seller, at = factories.user(Role.AR), route or first_route()
    contact_id = customer.billing_contact_id or 0
    key = key or f"ask-{next(_count)}"
    method_requests.send(customer.id, contact_id, at.id, form_key=key, by=seller)
    return db.session.scalars(select(MethodRequest).order_by(MethodRequest.id.desc())).first()  # type: ignore[return-value]


def migration(**facts: Any) -> RouteMigration:
    """Started, not run."""
    target, moved = gateway(), first_route()
    wanted: dict[str, Any] = {"ask_customers": False, "form_key": f"migrate-{next(_count)}", "by": admin()}
    return route_migrations.start(moved.id, target.id, **(wanted | facts))


def run() -> RecurringRun:
    """Of today, begun."""
    with transaction():
        return runs.of_today()
