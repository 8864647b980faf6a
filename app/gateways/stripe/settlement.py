"""Payouts, each with the entries of the balance that it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from stripe import StripeClient

from ...money import Money
from ..base import sha256
from ..settlement import BalanceItem, ItemKind, Payout, PayoutState
from . import reading
from .client import Fact

STATES = {
    "pending": PayoutState.PENDING,
    "in_transit": PayoutState.IN_TRANSIT,
    "paid": PayoutState.PAID,
    "failed": PayoutState.FAILED,
    "canceled": PayoutState.CANCELLED,
}

KINDS = {
    "charge": ItemKind.CHARGE,
    "payment": ItemKind.CHARGE,
    "refund": ItemKind.REFUND,
    "payment_refund": ItemKind.REFUND,
    "refund_failure": ItemKind.REFUND_FAILURE,
    "payment_failure_refund": ItemKind.REFUND_FAILURE,
    "stripe_fee": ItemKind.FEE,
    "stripe_fx_fee": ItemKind.FEE,
    "tax_fee": ItemKind.FEE,
    "network_cost": ItemKind.FEE,
}

# For the minimum balance of the account: in our favour again with the next payout, and nothing that the bank sent back.
KEPT_BACK = ("payout_minimum_balance_hold", "payout_minimum_balance_release")

# What customers paid and got back, in the currency they saw.
CUSTOMERS = frozenset(
    {ItemKind.CHARGE, ItemKind.REFUND, ItemKind.REFUND_FAILURE, ItemKind.DISPUTE, ItemKind.REINSTATEMENT}
)


def created(client: StripeClient, since: datetime) -> list[Fact]:
    """Stripe's payouts since then, oldest first."""
    listed = client.v1.payouts.list({"created": {"gte": int(since.timestamp())}, "limit": 100})
    return [payout.to_dict() for payout in listed.auto_paging_iter()][::-1]


def payout(client: StripeClient, facts: Fact) -> Payout:
    return read(facts, list(_entries(client, facts)))


def _entries(client: StripeClient, payout: Fact) -> Iterator[Fact]:
    """Stripe says of its own payouts only what they are made of, not of those that somebody ordered by hand. The payout
    itself is an entry too. What the bank sent back, or what was cancelled, is one of a later payout, and what is held
    back for a minimum balance is one of each (docs.stripe.com/reports/balance-transaction-types)."""
    if not payout.get("automatic", True):
        return
    listed = client.v1.balance_transactions.list({"payout": payout["id"], "limit": 100, "expand": ["data.source"]})
    for entry in listed.auto_paging_iter():
        if entry.type != "payout":
            yield entry.to_dict()


def read(payout: Fact, entries: list[Fact]) -> Payout:
    return Payout(
        provider_id=payout["id"],
        state=STATES[payout["status"]],
        net=reading.money(payout),
        created_at=reading.instant(payout["created"]),
        arrives_on=reading.instant(payout["arrival_date"]).date(),
        items=tuple(item(entry) for entry in entries),
        raw_sha256=sha256([payout, entries]),
    )


def item(entry: Fact) -> BalanceItem:
    source = entry.get("source")
    source = source if isinstance(source, dict) else {"id": source} if source else {}
    is_charge = source.get("object") == "charge"
    charge = reading.charge_id(source) if is_charge or source.get("charge") else None
    kind, gross = _kind(entry, source), reading.money(entry)
    presented = _presented(source, entry) if kind in CUSTOMERS and gross else None
    return BalanceItem(
        provider_id=entry["id"],
        kind=kind,
        source_id=None if entry["type"] in KEPT_BACK else charge if is_charge else source.get("id"),
        charge_id=charge,
        gross=gross,
        fee=reading.money(entry, entry["fee"]),
        net=reading.money(entry, entry["net"]),
        at=reading.instant(entry["created"]),
        presented=presented,
        rate=Decimal(str(entry["exchange_rate"])) if presented and entry.get("exchange_rate") else None,
        description=str(entry.get("description") or ""),
    )


def is_fee(entry: Fact) -> bool:
    """As a whole, whatever it is a fee for (docs.stripe.com/reports/reporting-categories)."""
    return KINDS.get(entry.get("type", "")) is ItemKind.FEE or entry.get("reporting_category") == "fee"


def _kind(entry: Fact, source: Fact) -> ItemKind:
    if is_fee(entry):
        return ItemKind.FEE
    disputed = source.get("object") == "dispute" or entry.get("reporting_category") in ("dispute", "dispute_reversal")
    if disputed:
        return ItemKind.DISPUTE if entry["net"] < 0 else ItemKind.REINSTATEMENT
    return KINDS.get(entry["type"], ItemKind.ADJUSTMENT)


def _presented(source: Fact, entry: Fact) -> Money | None:
    """What the customer saw, with the sign of the entry, where another currency was charged than is settled."""
    if source.get("currency") in (None, entry["currency"]) or "amount" not in source:
        return None
    return reading.money(source, abs(source["amount"]) * (-1 if entry["amount"] < 0 else 1))
