"""Which way a charge goes."""

from __future__ import annotations

from sqlalchemy import select

from ..db import db
from ..errors import Refusal
from ..models.method import Gateway, GatewayState, Route


def choose(currency: str) -> tuple[Route, Gateway]:
    """The first route by position that takes `currency` at an active gateway. Raises Refusal `no_route`."""
    rows = db.session.execute(
        select(Route, Gateway).join(Gateway, Gateway.id == Route.gateway_id).order_by(Route.position)
    ).all()
    for route, gateway in rows:
        if (
            route.currency in (None, currency)
            and currency in gateway.currencies
            and gateway.state is GatewayState.ACTIVE
        ):
            return route, gateway
    raise Refusal(
        "no_route",
        "No payment route takes %(currency)s at the moment, so nothing can be charged.",
        "A payment admin can open a route for this currency.",
        currency=currency,
    )
