"""A sandbox gateway as its console shows it: what is armed, what it booked lately, what it told of it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from .. import clock
from ..db import db
from ..errors import NotFound
from ..gateways.disputes import DisputePhase
from ..gateways.movements import Movement
from ..gateways.sandbox.cards import BY_SLUG
from ..gateways.sandbox.tables import (
    ChargeState,
    InstructionState,
    SandboxCharge,
    SandboxDelivery,
    SandboxDispute,
    SandboxEntry,
    SandboxEvent,
    SandboxInstruction,
    SandboxPayout,
    SandboxPayoutItem,
    SandboxScript,
    SandboxSwitch,
    SandboxToken,
)
from ..gateways.settlement import PayoutState
from ..models.method import Gateway
from ..money import Money
from ..values import Value

ROWS = 15
OPEN = (DisputePhase.NEEDS_RESPONSE, DisputePhase.UNDER_REVIEW)


class Sandbox(Value):
    key: str
    name: str
    currencies: tuple[str, ...]
    down_since: datetime | None
    silent_since: datetime | None


class Armed(Value):
    id: int
    call: str
    end: str | None
    decline_code: str | None
    advice: str | None
    fault: str | None
    seconds: int
    at: datetime


class Charge(Value):
    """`left` may still be refunded or disputed."""

    ref: str
    at: datetime
    state: str
    amount: Money
    left: Money
    card: str
    payment_order: str
    decline_code: str | None


class Refund(Value):
    """`ours`: asked for by us, and not by hand."""

    ref: str
    at: datetime
    state: str
    amount: Money
    ours: bool
    error_code: str | None


class Dispute(Value):
    ref: str
    at: datetime
    phase: str
    inquiry: bool
    amount: Money
    reason: str
    due_by: datetime
    open: bool


class SavedCard(Value):
    ref: str
    at: datetime
    card: str
    expires: str
    holder: str


class Payout(Value):
    ref: str
    at: datetime
    state: str
    net: Money
    items: int
    can_fail: bool


class Delivery(Value):
    manner: str
    status: int | None
    at: datetime


class Event(Value):
    """`waits` to be sent by itself, not before `later`."""

    id: int
    type: str
    subject_ref: str
    at: datetime
    taken_at: datetime | None
    waits: bool
    later: datetime | None
    deliveries: tuple[Delivery, ...]


class Console(Value):
    """`balance` is what the next payout would bring, a figure a currency."""

    sandbox: Sandbox
    all: tuple[Sandbox, ...]
    armed: tuple[Armed, ...]
    charges: tuple[Charge, ...]
    refunds: tuple[Refund, ...]
    disputes: tuple[Dispute, ...]
    saved: tuple[SavedCard, ...]
    balance: tuple[Money, ...]
    payouts: tuple[Payout, ...]
    events: tuple[Event, ...]


def sandboxes() -> tuple[Sandbox, ...]:
    """Every sandbox gateway, in the order of their names."""
    found = db.session.execute(
        select(Gateway.key, Gateway.name, Gateway.currencies, SandboxSwitch.down_since, SandboxSwitch.silent_since)
        .outerjoin(SandboxSwitch, SandboxSwitch.gateway == Gateway.key)
        .where(Gateway.kind == "sandbox")
        .order_by(Gateway.name)
    )
    return tuple(Sandbox(key, name, tuple(currencies), *since) for key, name, currencies, *since in found)


def console(key: str) -> Console:
    """Raises NotFound."""
    everyone = sandboxes()
    ours = next((s for s in everyone if s.key == key), None)
    if ours is None:
        raise NotFound(f"sandbox {key}")
    money = (_charges(key), _refunds(key), _disputes(key), _saved(key), _balance(key), _payouts(key))
    return Console(ours, everyone, _armed(key), *money, _events(key))


def currency_of(key: str, charge: str) -> str:
    """Raises NotFound."""
    found = select(SandboxCharge.currency).where(SandboxCharge.gateway == key, SandboxCharge.ref == charge)
    currency = db.session.scalar(found)
    if currency is None:
        raise NotFound(f"charge {charge}")
    return currency


def _armed(key: str) -> tuple[Armed, ...]:
    columns = (
        SandboxScript.id,
        SandboxScript.call,
        SandboxScript.state,
        SandboxScript.decline_code,
        SandboxScript.advice,
        SandboxScript.fault,
        SandboxScript.seconds,
        SandboxScript.armed_at,
    )
    waiting = select(*columns).where(SandboxScript.gateway == key, SandboxScript.taken_by.is_(None))
    return tuple(Armed(*row) for row in db.session.execute(waiting.order_by(SandboxScript.id)))


def _gone(key: str) -> Any:
    """What has left a charge: refunds done or under way, disputes that were not won."""
    refunded = select(SandboxInstruction.charge_ref, SandboxInstruction.amount).where(
        SandboxInstruction.gateway == key,
        SandboxInstruction.kind == Movement.REFUND,
        SandboxInstruction.state.in_([InstructionState.PENDING, InstructionState.SUCCEEDED]),
    )
    disputed = select(SandboxDispute.charge_ref, SandboxDispute.amount).where(
        SandboxDispute.gateway == key, SandboxDispute.inquiry.is_(False), SandboxDispute.phase != DisputePhase.WON
    )
    gone = refunded.union_all(disputed).subquery()
    total = select(func.coalesce(func.sum(gone.c.amount), 0)).where(gone.c.charge_ref == SandboxCharge.ref)
    return total.scalar_subquery()


def _charges(key: str) -> tuple[Charge, ...]:
    columns = (
        SandboxCharge.ref,
        SandboxCharge.created_at,
        SandboxCharge.state,
        SandboxCharge.amount,
        SandboxCharge.captured,
        SandboxCharge.currency,
        SandboxCharge.slug,
        SandboxCharge.details,
        SandboxCharge.decline_code,
        SandboxCharge.authorized_until,
    )
    newest = select(*columns, _gone(key)).where(SandboxCharge.gateway == key).order_by(SandboxCharge.id.desc())
    return tuple(_charge(row) for row in db.session.execute(newest.limit(ROWS)))


def _charge(row: Any) -> Charge:
    ref, at, state, amount, captured, currency, slug, details, code, until, gone = row
    lapsed = state is ChargeState.AUTHORIZED and until is not None and until <= clock.now()
    card = BY_SLUG[slug]
    return Charge(
        ref,
        at,
        str(ChargeState.VOIDED if lapsed else state),
        Money(amount, currency),
        Money(captured - int(gone), currency),
        f"{card.brand} •••• {card.last4}",
        details.get("payment_order", ""),
        code,
    )


def _refunds(key: str) -> tuple[Refund, ...]:
    newest = (
        select(SandboxInstruction)
        .where(
            SandboxInstruction.gateway == key,
            SandboxInstruction.kind == Movement.REFUND,
            SandboxInstruction.state != InstructionState.REFUSED,
        )
        .order_by(SandboxInstruction.id.desc())
    )
    return tuple(
        Refund(r.ref, r.created_at, str(r.state), Money(r.amount, r.currency), r.key is not None, r.error_code)
        for r in db.session.scalars(newest.limit(ROWS))
    )


def _disputes(key: str) -> tuple[Dispute, ...]:
    newest = select(SandboxDispute).where(SandboxDispute.gateway == key).order_by(SandboxDispute.id.desc())
    return tuple(
        Dispute(
            d.ref,
            d.opened_at,
            str(d.phase),
            d.inquiry,
            Money(d.amount, d.currency),
            d.reason,
            d.due_by,
            open=d.phase in OPEN,
        )
        for d in db.session.scalars(newest.limit(ROWS))
    )


def _saved(key: str) -> tuple[SavedCard, ...]:
    kept = select(SandboxToken).where(SandboxToken.gateway == key, SandboxToken.detached_at.is_(None))
    return tuple(
        SavedCard(
            one.ref,
            one.created_at,
            f"{BY_SLUG[one.slug].brand} •••• {BY_SLUG[one.slug].last4}",
            f"{one.exp_month:02d}/{one.exp_year % 100:02d}",
            one.holder,
        )
        for one in db.session.scalars(kept.order_by(SandboxToken.id.desc()).limit(ROWS))
    )


def _balance(key: str) -> tuple[Money, ...]:
    rows = db.session.execute(
        select(func.sum(SandboxEntry.net), SandboxEntry.currency)
        .where(SandboxEntry.gateway == key, SandboxEntry.id.not_in(select(SandboxPayoutItem.entry_id)))
        .group_by(SandboxEntry.currency)
        .order_by(SandboxEntry.currency)
    )
    return tuple(Money(int(net), currency) for net, currency in rows)


def _payouts(key: str) -> tuple[Payout, ...]:
    newest = (
        select(SandboxPayout, func.count(SandboxPayoutItem.id))
        .outerjoin(SandboxPayoutItem, SandboxPayoutItem.payout_ref == SandboxPayout.ref)
        .where(SandboxPayout.gateway == key)
        .group_by(SandboxPayout.id)
        .order_by(SandboxPayout.id.desc())
    )
    return tuple(
        Payout(p.ref, p.created_at, str(p.state), Money(p.net, p.currency), n, p.state is not PayoutState.FAILED)
        for p, n in db.session.execute(newest.limit(ROWS))
    )


def _events(key: str) -> tuple[Event, ...]:
    columns = (
        SandboxEvent.id,
        SandboxEvent.type,
        SandboxEvent.subject_ref,
        SandboxEvent.created_at,
        SandboxEvent.taken_at,
        SandboxEvent.send_after,
    )
    newest = select(*columns).where(SandboxEvent.gateway == key).order_by(SandboxEvent.id.desc())
    rows = db.session.execute(newest.limit(ROWS)).all()
    sent: dict[int, list[Delivery]] = defaultdict(list)
    posts = (
        select(SandboxDelivery.event_id, SandboxDelivery.manner, SandboxDelivery.status, SandboxDelivery.at)
        .where(SandboxDelivery.event_id.in_([row.id for row in rows]))
        .order_by(SandboxDelivery.id)
    )
    for event_id, manner, status, at in db.session.execute(posts):
        sent[event_id].append(Delivery(str(manner), status, at))
    return tuple(_event(row, tuple(sent[row.id])) for row in rows)


def _event(row: Any, deliveries: tuple[Delivery, ...]) -> Event:
    id, type_, ref, at, taken_at, due = row
    later = due if due is not None and due > clock.now() else None
    return Event(id, type_, ref, at, taken_at, due is not None, later, deliveries)
