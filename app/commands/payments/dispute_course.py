"""The course of a dispute: opened and opened again, the money that follows it, and what its end means.

Inside the caller's transaction, with the payment order held.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from ... import audit, clock, numbering
from ...db import db, get, insert_once
from ...gateways.disputes import DisputeFacts
from ...models import (
    SYSTEM,
    Actor,
    Dispute,
    DisputeEntry,
    DisputeEntryKind,
    History,
    PaymentOrder,
    SalesOrder,
    Symptom,
    Transaction,
)
from ...models.order import TAG_DISPUTED
from ...money import Money
from ...queries import ledger
from ...states.dispute import GONE, OPEN, DisputeEvent, DisputeStatus
from ..office import escalations
from ..post import mails
from . import given_back

E, S, K = DisputeEvent, DisputeStatus, DisputeEntryKind


def open_row(
    capture: Transaction, amount: Money, reason: str, opened_at: datetime, due_by: datetime | None, inquiry: bool
) -> Dispute:
    """The row alone; `opened` tells of it."""
    row = Dispute(
        number=numbering.take("dispute"),
        payment_order=get(PaymentOrder, capture.payment_order_id),
        transaction=capture,
        gateway_id=capture.gateway_id,
        amount=amount.minor,
        currency=amount.currency,
        reason=reason[:100],
        opened_at=opened_at,
        due_by=due_by,
        inquiry=inquiry,
    )
    db.session.add(row)
    db.session.flush()
    return row


def opened(row: Dispute, order: SalesOrder | None, *, by: Actor) -> None:
    told: dict[str, Any] = {"number": row.number, "amount": row.amount, "currency": row.currency}
    row.record("opened", by=by, because=row.reason, **told)
    audit.note("dispute.open", row.number, by=by, after={"amount": row.money, "inquiry": row.inquiry})
    if order is not None:
        order.tag(TAG_DISPUTED)
    mails.dispute_opened(row, by=by)


def appeal(
    row: Dispute, order: SalesOrder | None, due_by: datetime | None, *, by: Actor, because: str | None = None
) -> None:
    """Open again, with a day of its own to answer by; while it is, nothing of it is lost."""
    row.due_by, row.reminded_at, row.closed_at = due_by, None, None
    row.transition(E.APPEAL, by=by, because=because, number=row.number, amount=row.amount, currency=row.currency)
    audit.note("dispute.appeal", row.number, by=by, after={"amount": row.money})
    if order is not None:
        order.tag(TAG_DISPUTED)
    mails.dispute_opened(row, by=by, version=f"appeal:{times_asked(row, E.APPEAL)}")


def times_asked(row: Dispute, *events: DisputeEvent) -> int:
    """How often the bank has asked again, by its history."""
    mine = (History.entity == Dispute.__tablename__) & (History.entity_id == row.id) & History.event.in_(events)
    return db.session.scalar(select(func.count()).where(mine)) or 0


def by_hand(row: Dispute) -> str:
    """Of what the letter says that opened it, or opened it again."""
    again = times_asked(row, E.APPEAL)
    return f"letter {row.number}" + (f", appeal {again}" if again else "")


def enter_all(row: Dispute, facts: DisputeFacts) -> None:
    """What letters told of already is not told again by the gateway, whose first movements of that kind they were."""
    letters = DisputeEntry.provider_id.startswith(f"letter {row.number}")
    told = select(DisputeEntry.kind).where(DisputeEntry.dispute_id == row.id, letters)
    by_letter = Counter(db.session.scalars(told))
    for moved in facts.movements:
        kind = DisputeEntryKind(moved.kind.value)
        if by_letter[kind]:
            by_letter[kind] -= 1
        else:
            enter(row, kind, moved.amount, moved.provider_id, facts.raw_sha256)


def enter(row: Dispute, kind: DisputeEntryKind, amount: Money, provider_id: str, raw_sha256: str = "") -> None:
    """One row for each movement of money."""
    fresh = insert_once(
        DisputeEntry,
        dispute_id=row.id,
        gateway_id=row.gateway_id,
        kind=kind,
        amount=amount.minor,
        currency=amount.currency,
        provider_id=provider_id,
        raw_sha256=raw_sha256,
        at=clock.now(),
    )
    if fresh:
        row.record(f"money_{kind}", by=SYSTEM, amount=amount.minor, currency=amount.currency)
        audit.note(f"dispute.{kind}", row.number, by=SYSTEM, after={"amount": amount})


def settle(row: Dispute, order: SalesOrder | None, *, by: Actor, moved: bool = True) -> None:
    """What is lost is out of the receivables, what is not is in them; tag and escalation go once it is decided. Unless
    something has `moved`, what people have dealt with already is not told to them again."""
    db.session.flush()
    given_back.follow(row, taken(row) if row.status in GONE else 0, by=by)
    if moved:
        given_back.watch(row.transaction)
    if row.status is not S.NEEDS_RESPONSE:
        escalations.clear(Symptom.DISPUTE_DUE, row, "It is answered or decided.")
    if row.is_open or row.closed_at is not None:
        return
    row.closed_at = clock.now()
    others = select(Dispute.id).where(Dispute.status.in_(OPEN), Dispute.payment_order_id.in_(_beside(row)))
    if order is not None and db.session.scalar(others.limit(1)) is None:
        order.untag(TAG_DISPUTED)


def _beside(row: Dispute) -> list[int]:
    """Every payment order of the same order."""
    order_id = row.payment_order.order_id
    if order_id is None:
        return [row.payment_order_id]
    return list(db.session.scalars(select(PaymentOrder.id).where(PaymentOrder.order_id == order_id)))


def taken(row: Dispute) -> int:
    """Minor units that the bank holds because of it."""
    mine = select(ledger.taken()).where(DisputeEntry.dispute_id == row.id)
    return max(int(db.session.scalar(mine) or 0), 0)
