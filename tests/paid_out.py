"""Orders paid at the sandbox and paid out by it, and payouts made up where the sandbox would not make them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.payments import collection
from app.commands.payments.charges import Instrument
from app.commands.settlement import settlement
from app.db import db, end_read
from app.gateways.sandbox import payouts
from app.gateways.sandbox.cards import BY_SLUG
from app.gateways.settlement import BalanceItem, ItemKind, Payout, PayoutState
from app.models import Gateway, Transaction
from app.money import Money, total
from tests import factories


def card(slug: str = "visa") -> Instrument:
    known = BY_SLUG[slug]
    return Instrument(alias=known.alias(12, 2099), label=f"{known.brand} ending {known.last4}")


def paid(times: int = 1, slug: str = "visa", **facts: Any) -> list[Transaction]:
    """So many orders, each paid in full; every transaction there is by now."""
    admin = factories.user(Role.ADMIN)
    for _ in range(times):
        first = collection.prepare_first(factories.order(owner=admin, **facts).id, by=admin)
        collection.collect(first.id, pay_with=card(slug), form_key=f"k{first.id}", by=admin)
    return list(db.session.scalars(select(Transaction).order_by(Transaction.id)))


def gateway_id() -> int:
    return db.session.scalars(select(Gateway.id).order_by(Gateway.id)).first() or 0


def pay_out() -> None:
    end_read()
    payouts.pay_out("sandbox")


def sync() -> int:
    found = settlement.sync(gateway_id())
    db.session.expire_all()
    return found


def payout(*items: BalanceItem, provider_id: str = "po-1", net: Money | None = None, **changes: Any) -> Payout:
    whole = net or total([i.net for i in items], items[0].net.currency if items else "EUR")
    at: datetime = changes.pop("at", clock.now())
    return replace(Payout(provider_id, PayoutState.PAID, whole, at, at.date(), items), **changes)


def line(gross: int = 1000, fee: int = 40, source: str | None = None, currency: str = "EUR", **changes: Any) -> Any:
    item = BalanceItem(
        "txn-1",
        ItemKind.CHARGE if source else ItemKind.ADJUSTMENT,
        source,
        source,
        Money(gross, currency),
        Money(fee, currency),
        Money(gross - fee, currency),
        clock.now(),
    )
    return replace(item, **changes)


def abroad(charge: Transaction, rate: str = "0.9") -> BalanceItem:
    """The line of a charge that is settled in EUR, whatever the customer paid in."""
    gross = Money(int(charge.amount * Decimal(rate)), "EUR")
    presented = Money(charge.amount, charge.currency)
    return line(gross.minor, 25, source=charge.provider_id, presented=presented, rate=Decimal(rate))
