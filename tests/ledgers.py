"""Receivables as tests want them: an invoice on terms, and money that came for it without a gateway."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.receivables import allocations as applying
from app.commands.receivables import credit_notes, offline, pay_outs
from app.commands.receivables.offline import Came
from app.db import db, end_read, get, transaction
from app.models import Account, Allocation, CreditReason, Invoice, PaymentOrder, Receipt, ReceiptKind, User
from app.money import Money
from app.queries.receivables import figures
from tests import factories

_count = itertools.count(1)


def clerk() -> User:
    return factories.user(Role.AR)


def came(minor: int = 11_900, **changes: Any) -> Came:
    """A wire that arrived today, each with a reference of its own."""
    facts: dict[str, Any] = {
        "kind": ReceiptKind.WIRE,
        "amount": Money(minor, changes.pop("currency", "EUR")),
        "reference": f"W-{next(_count)}",
        "received_on": clock.today(factories.ZONE),
    }
    return Came(**(facts | changes))


def invoice(customer: Account | None = None, *, days: int = 14, **changes: Any) -> Invoice:
    """119.00 EUR in one line at 19 %, due in so many days."""
    today = clock.today(factories.ZONE)
    facts: dict[str, Any] = {"due_date": today + timedelta(days=days), "issued_on": today + timedelta(days=days - 14)}
    return factories.invoice(factories.order(customer=customer), lines=40, **(facts | changes))


def on_account(customer_id: int, by: User, minor: int = 11_900, **changes: Any) -> Receipt:
    return offline.for_account(customer_id, came(minor, **changes), form_key=f"on-account-{next(_count)}", by=by)


def key() -> str:
    return f"key-{next(_count)}"


def standing(row: Invoice) -> tuple[str, int]:
    """Status and what is due, as committed."""
    db.session.expire_all()
    fresh = db.session.get_one(Invoice, row.id)
    found = fresh.status.value, figures.of_invoice(row.id).due
    end_read()
    return found


def allocations(row: Invoice) -> list[int]:
    found = db.session.query(Allocation.amount).filter_by(invoice_id=row.id).order_by(Allocation.id)
    return [amount for (amount,) in found]


def unapplied(row: Receipt) -> int:
    found = figures.unapplied(row.root_id)
    end_read()
    return found


def samples(by: User) -> dict[str, object]:
    """Something at every address of receivables: money that pays an open invoice in part, a credit note, and a pay-out
    that waits for a second person."""
    customer = factories.account()
    customer_id, account = customer.id, customer.number
    bill = invoice(customer)
    money = on_account(customer_id, by)
    applying.apply(money.id, bill.id, amount=Money(100, "EUR"), form_key=key(), by=by)
    note = credit_notes.for_amount(
        bill.id, amount=Money(100, "EUR"), reason=CreditReason.PRICE, note="", form_key=key(), by=by
    )
    with transaction():
        facts = {"kind": ReceiptKind.WIRE, "reference": "O-1", "because": "Too much", "by": by}
        waits = pay_outs.request(get(Receipt, money.id), Money(50, "EUR"), **facts)  # type: ignore[arg-type]
    return {
        "receivables.pay_out": waits.id,
        "receivables.account": account,
        "receivables.invoice": bill.number,
        "receivables.receipt": money.number,
        "receivables.credit_note": note.number,
        "receivables.payment_order": db.session.scalar(select(PaymentOrder.number).limit(1)),
    }
