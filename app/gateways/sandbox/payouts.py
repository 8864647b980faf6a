"""How the sandbox pays out what it owes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ... import clock
from ...language import marked
from ...money import Money
from ..base import sha256
from ..notices import Subject
from ..settlement import BalanceItem, ItemKind, Payout, PayoutState
from . import books, events, ledger
from .line import Rejected, new_ref
from .tables import SandboxEntry, SandboxPayout, SandboxPayoutItem

ARRIVES_AFTER = timedelta(days=2)


def pay_out(gateway: str) -> list[str]:
    """Everything that has not gone out yet, one payout a currency; a balance below zero is drawn from our bank. Returns
    their references. Raises Rejected."""
    waiting = (
        select(SandboxEntry)
        .where(
            SandboxEntry.gateway == gateway,
            SandboxEntry.at <= clock.now(),
            SandboxEntry.id.not_in(select(SandboxPayoutItem.entry_id)),
        )
        .order_by(SandboxEntry.id)
    )
    with books.writing() as session:
        entries = session.scalars(waiting.with_for_update()).all()
        if not entries:
            raise Rejected("nothing_to_pay_out", marked("Nothing has come in since the last payout."))
        return [_pay_out(session, gateway, c, entries) for c in sorted({e.currency for e in entries})]


def _pay_out(session: Session, gateway: str, currency: str, entries: Sequence[SandboxEntry]) -> str:
    items = [e for e in entries if e.currency == currency]
    payout = SandboxPayout(
        ref=new_ref("po"),
        gateway=gateway,
        state=PayoutState.PAID,
        net=sum(e.net for e in items),
        currency=currency,
        arrives_on=(clock.now() + ARRIVES_AFTER).date(),
    )
    session.add(payout)
    session.flush()
    session.add_all(SandboxPayoutItem(payout_ref=payout.ref, entry_id=e.id) for e in items)
    events.queue(session, gateway, Subject.PAYOUT, "paid", payout.ref)
    return payout.ref


def fail(gateway: str, ref: str) -> None:
    """Our bank sent it back: the money is in the balance again, and goes out with the next one. Raises Rejected."""
    with books.writing() as session:
        payout = session.scalar(
            select(SandboxPayout).where(SandboxPayout.gateway == gateway, SandboxPayout.ref == ref).with_for_update()
        )
        if payout is None:
            raise Rejected("no_such_payout", "The sandbox knows no such payout.")
        if payout.state is PayoutState.FAILED:
            return
        payout.state = PayoutState.FAILED
        back = Money(payout.net, payout.currency)
        ledger.enter(session, ItemKind.ADJUSTMENT, gateway=gateway, source=ref, charge=None, gross=back)
        events.queue(session, gateway, Subject.PAYOUT, "failed", ref)


def since(gateway: str, instant: datetime) -> list[Payout]:
    with books.reading() as session:
        rows = session.scalars(
            select(SandboxPayout)
            .where(SandboxPayout.gateway == gateway, SandboxPayout.created_at >= instant)
            .order_by(SandboxPayout.created_at, SandboxPayout.id)
        ).all()
        return [_facts_of(session, row) for row in rows]


def _facts_of(session: Session, payout: SandboxPayout) -> Payout:
    entries = session.scalars(
        select(SandboxEntry)
        .join(SandboxPayoutItem, SandboxPayoutItem.entry_id == SandboxEntry.id)
        .where(SandboxPayoutItem.payout_ref == payout.ref)
        .order_by(SandboxEntry.id)
    )
    items = tuple(item_of(entry) for entry in entries)
    net = Money(payout.net, payout.currency)
    return Payout(
        payout.ref,
        payout.state,
        net,
        payout.created_at,
        payout.arrives_on,
        items,
        raw_sha256=sha256([payout.ref, payout.state, payout.net, [i.provider_id for i in items]]),
    )


def item_of(entry: SandboxEntry) -> BalanceItem:
    def money(minor: int) -> Money:
        return Money(minor, entry.currency)

    return BalanceItem(
        entry.ref,
        entry.kind,
        entry.source_ref,
        entry.charge_ref,
        gross=money(entry.gross),
        fee=money(entry.fee),
        net=money(entry.net),
        at=entry.at,
    )
