"""Which card field a page shows: the one of the gateway that would charge, or keep the card."""

from __future__ import annotations

from msgspec.structs import replace
from sqlalchemy import case, select

from ..db import read_columns
from ..errors import Refusal
from ..gateways import registry
from ..gateways.base import GatewayAccount
from ..gateways.card_field import CardField, Purpose
from ..models import Account, OrderLine, PaymentOrder
from ..money import Money
from . import routes
from .routes import Wanted, Way

NONE = CardField("none")

RECURS = (
    select(OrderLine.id)
    .where(OrderLine.order_id == PaymentOrder.order_id, OrderLine.frequency.is_not(None))
    .correlate(PaymentOrder)
    .exists()
)
CHOSEN = case((PaymentOrder.route_chosen, PaymentOrder.route_id))
PAYMENT_ORDER = select(Account.account_group, RECURS.label("recurs"), CHOSEN.label("route_id"), *routes.COLUMNS).join(
    PaymentOrder, PaymentOrder.account_id == Account.id
)


def to_pay(payment_order_id: int, amount: Money) -> CardField:
    """Along the way that `amount` would take now; one statement."""
    row = read_columns(PAYMENT_ORDER.where(PaymentOrder.id == payment_order_id)).one()
    kind = routes.kind_of(row.recurs)
    wanted = Wanted(amount.currency, amount.minor or None, row.account_group, kind, route_id=row.route_id)
    return on(routes.find(routes.of(row), wanted), Purpose(amount, amount.currency, save=False))


def on(way: Way | None, purpose: Purpose) -> CardField:
    """NONE, which says so, where no card can be taken."""
    if way is None or not way.open:
        return NONE
    return at(way.gateway.account, replace(purpose, capture_later=way.route.capture_later))


def at(account: GatewayAccount, purpose: Purpose) -> CardField:
    try:
        return registry.for_account(account).card_field(purpose)
    except Refusal:
        return NONE
