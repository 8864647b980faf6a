"""Pay-outs that wait for a second person's word. One statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from ...db import read_columns
from ...errors import NotFound
from ...models import Account, PayOut, Receipt, User
from ...money import Money
from ...states.pay_out import PayOutStatus
from ...values import Value

MOST = 200


class WaitingPayOut(Value):
    id: int
    receipt: str
    account: str
    customer: str
    amount: Money
    reason: str
    by: str
    by_id: int
    at: datetime


def view() -> tuple[WaitingPayOut, ...]:
    """The longest waiting first."""
    rows = read_columns(_select().where(PayOut.status == PayOutStatus.REQUESTED).order_by(PayOut.id).limit(MOST))
    return tuple(map(_row, rows))


def one(pay_out_id: int) -> WaitingPayOut:
    """Decided ones as well. Raises NotFound."""
    row = read_columns(_select().where(PayOut.id == pay_out_id)).one_or_none()
    if row is None:
        raise NotFound(f"pay-out {pay_out_id}")
    return _row(row)


def held(receipt_id: int, currency: str) -> Money:
    """What of a receipt waits."""
    query = select(PayOut.amount).where(PayOut.receipt_id == receipt_id, PayOut.status == PayOutStatus.REQUESTED)
    return Money(sum(row.amount for row in read_columns(query)), currency)


def _select() -> Any:
    return (
        select(
            PayOut.id,
            PayOut.amount,
            PayOut.currency,
            PayOut.reason,
            PayOut.asked_by_id,
            PayOut.created_at,
            Receipt.number,
            Account.number.label("account"),
            Account.name.label("customer"),
            User.name.label("asked_by"),
        )
        .join(Receipt, Receipt.id == PayOut.receipt_id)
        .join(Account, Account.id == Receipt.account_id)
        .join(User, User.id == PayOut.asked_by_id)
    )


def _row(r: Any) -> WaitingPayOut:
    amount = Money(r.amount, r.currency)
    return WaitingPayOut(
        r.id, r.number, r.account, r.customer, amount, r.reason, r.asked_by, r.asked_by_id, r.created_at
    )
