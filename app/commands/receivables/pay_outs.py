"""Unapplied cash that goes back outside of any gateway: written down at once, or above the limit for refunds once a
second person has said yes. Inside a transaction with the account locked, where nothing else is said.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, select

from ... import audit, clock, settings
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...models import Account, Actor, Company, PayOut, Receipt, ReceiptKind, User
from ...money import Money
from ...queries.receivables import figures
from ...states.pay_out import PayOutEvent, PayOutStatus
from . import taking_back


def held(root: Receipt) -> int:
    """Minor units of the pot that pay-outs hold back which wait for their second person."""
    mine = select(func.sum(PayOut.amount)).where(PayOut.receipt_id == root.id, PayOut.status == PayOutStatus.REQUESTED)
    return int(db.session.scalar(mine) or 0)


def needs_second_person(root: Receipt, amount: Money) -> bool:
    """The limit is that of refunds, for all that is paid out of one receipt together."""
    if not settings.fresh(settings.REFUND_SECOND_PERSON):
        return False
    limit = Money(settings.fresh(settings.REFUND_LIMIT), get(Company, 1).currency)
    left = select(func.sum(Receipt.amount)).where(Receipt.parent_id == root.id)
    before = held(root) - int(db.session.scalar(left) or 0)
    return (Money(before, amount.currency) + amount).major > limit.major


def request(root: Receipt, amount: Money, *, kind: ReceiptKind, reference: str, because: str, by: User) -> PayOut:
    row = PayOut(
        receipt_id=root.id,
        amount=amount.minor,
        currency=amount.currency,
        kind=kind,
        reference=reference,
        reason=because,
        asked_by_id=by.id,
    )
    db.session.add(row)
    row.record("requested", by=Actor.of(by), because=because, amount=amount.minor, currency=amount.currency)
    audit.note("receipt.ask_pay_out", root.number, by=Actor.of(by), after={"amount": amount, "reason": because})
    return row


def write(
    root: Receipt, amount: Money, *, kind: ReceiptKind, reference: str, on: date, because: str, by: User
) -> Receipt:
    """The receipt of the money that left."""
    row = taking_back.take(
        root,
        amount.minor,
        "given_back",
        by=Actor.of(by),
        kind=kind,
        reference=reference,
        received_on=on,
        note=because,
        recorded_by_id=by.id,
        paid_with=f"{kind.value.capitalize()} {reference}"[:100],
    )
    audit.note("receipt.pay_out", root.number, by=Actor.of(by), after={"receipt": row.number, "amount": amount})
    return row


def approve(pay_out_id: int, *, by: User) -> PayOut:
    """The second person's word, in a transaction of its own: it leaves today.

    Raises Refusal: `not_permitted`, `own_request`, `not_waiting`, `more_than_unapplied`.
    """
    with transaction():
        demand(by, Permission.REFUND_APPROVE)
        row = _waiting(pay_out_id)
        if row.asked_by_id == by.id:
            raise Refusal(
                "own_request", "You asked for this pay-out yourself.", "Somebody else who may approve refunds decides."
            )
        root = get(Receipt, row.receipt_id)
        if figures.unapplied(root.id) < row.amount:
            raise Refusal("more_than_unapplied", "That much is not unapplied any more.", "Refuse this pay-out.")
        today = clock.today(get(Company, 1).time_zone)
        facts = {"kind": row.kind, "reference": row.reference, "on": today, "because": row.reason, "by": by}
        row.paid_id = write(root, row.money, **facts).id  # type: ignore[arg-type]
        _decide(row, PayOutEvent.APPROVE, by=by)
        audit.note("pay_out.approve", root.number, by=Actor.of(by), after={"amount": row.money})
        return row


def refuse(pay_out_id: int, *, because: str, by: User) -> PayOut:
    """Not paid, and what it held back is free again; whoever asked for it may take it back the same way. In a
    transaction of its own.

    Raises Refusal: `not_permitted`, `not_waiting`, `reason_missing`.
    """
    with transaction():
        if get(PayOut, pay_out_id).asked_by_id != by.id:
            demand(by, Permission.REFUND_APPROVE)
        row = _waiting(pay_out_id)
        if not because.strip():
            raise Refusal("reason_missing", "Say why; whoever asked will read it.", status=422)
        _decide(row, PayOutEvent.REFUSE, by=by, because=because.strip())
        audit.note("pay_out.refuse", row.receipt.number, by=Actor.of(by), after={"amount": row.money})
        return row


def _waiting(pay_out_id: int) -> PayOut:
    lock(Account, get(PayOut, pay_out_id).receipt.account_id)
    row = lock(PayOut, pay_out_id)
    if row.status is not PayOutStatus.REQUESTED:
        raise Refusal("not_waiting", "This pay-out is decided already.", "Reload the page to see how.")
    return row


def _decide(row: PayOut, event: PayOutEvent, *, by: User, because: str | None = None) -> None:
    row.decided_by_id, row.ended_at = by.id, clock.now()
    row.transition(event, by=Actor.of(by), because=because, amount=row.amount, currency=row.currency)
