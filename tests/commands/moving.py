"""Money that a sandbox gateway holds or has taken, ready to be captured, voided, refunded or contested."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.access import Role
from app.commands.payments import collection, movements
from app.commands.payments.charges import Instrument
from app.commands.receivables import credit_notes, invoices
from app.db import db, end_read, lock
from app.db import transaction as transaction_
from app.gateways.sandbox.cards import BY_SLUG
from app.models import (
    SYSTEM,
    CreditReason,
    Invoice,
    Movement,
    PaymentOrder,
    Route,
    SalesOrder,
    Transaction,
    TransactionAction,
    User,
)
from app.money import Money
from app.queries import ledger
from app.states.payment_order import Figures
from tests import factories

A = TransactionAction


def card() -> Instrument:
    return Instrument(alias=BY_SLUG["visa"].alias(12, 2099), label="Visa ending 4242")


def capture_later(later: bool = True) -> None:
    """From now on every route holds first and captures later; or no longer."""
    factories.company()
    with transaction_() as session:
        session.query(Route).update({Route.capture_later: later})


def paid(owner: User | None = None, **facts: Any) -> Transaction:
    """The charge, or the authorization, of an order's first payment: 410.55 in EUR."""
    boss = owner or factories.user(Role.ADMIN)
    order = factories.order(owner=boss, **facts)
    collection.collect_first(order.id, pay_with=card(), form_key=f"first-{order.id}", by=boss)
    query = select(Transaction).where(Transaction.action.in_((A.CHARGE, A.AUTHORIZE)))
    found = db.session.scalars(query.order_by(Transaction.id.desc()).limit(1)).one()
    end_read()
    return found


def refund(transaction: Transaction, minor: int, by: User, *, key: str = "", credit_note: bool = False) -> Movement:
    return movements.refund(
        transaction.id,
        amount=Money(minor, transaction.currency),
        because="Returned goods",
        form_key=key or f"refund-{transaction.id}-{minor}-{by.id}",
        by=by,
        credit_note=credit_note,
    )


def credit(transaction: Transaction, minor: int, by: User) -> None:
    """A credit note on the invoice of its order, which is written on terms where there is none yet."""
    row = db.session.get_one(PaymentOrder, transaction.payment_order_id)
    order_id, key = row.order_id or 0, f"credit-{transaction.id}-{minor}"
    end_read()
    with transaction_():
        invoice = invoices.on_terms(lock(SalesOrder, order_id), by=SYSTEM)
        id = invoice.id if invoice else db.session.scalars(select(Invoice.id).where(Invoice.order_id == order_id)).one()
    amount = Money(minor, transaction.currency)
    credit_notes.for_amount(id, amount=amount, reason=CreditReason.PRICE, note="", form_key=key, by=by)


def figures(transaction: Transaction) -> Figures:
    db.session.expire_all()
    found = ledger.figures([transaction.payment_order_id])[transaction.payment_order_id]
    end_read()
    return found


def actions(transaction: Transaction) -> list[str]:
    """What the gateway is proven to have done on its payment order, in order."""
    query = select(Transaction.action).where(Transaction.payment_order_id == transaction.payment_order_id)
    return [str(x) for x in db.session.scalars(query.order_by(Transaction.id))]
