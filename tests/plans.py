"""Payment agreements for tests, made as they are made: by an order whose first payment was collected, or by hand."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import time_machine
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.agreements import agreements
from app.commands.agreements.agreements import LineFacts, Terms
from app.commands.payments import collection
from app.commands.payments.charges import Instrument
from app.db import db, end_read, transaction
from app.gateways.sandbox.cards import BY_SLUG
from app.models import (
    Account,
    Attempt,
    CollectionMethod,
    Frequency,
    PaymentAgreement,
    PaymentMethod,
    ScheduledPayment,
    User,
)
from app.queries import invariants
from tests import factories, moves

_count = itertools.count(1)
DAY = timedelta(days=1)


def at(day: str) -> time_machine.travel:
    """Noon of that day of 2027, in Berlin and in UTC."""
    return time_machine.travel(f"2027-{day} 11:00:00+00:00", tick=False)


def by_order(
    seller: User | None = None, *, customer: Account | None = None, card: bool = True, **facts: Any
) -> PaymentAgreement:
    """Ten licences a month, 291.55 EUR; the order was paid with a card on file, so that period 2 comes next."""
    seller, customer = seller or factories.user(Role.SALES_MANAGER), customer or factories.account()
    how = Instrument(method_id=moves.card(customer).id) if card else Instrument(alias="card-ok", label="Visa")
    order = factories.order(owner=seller, customer=customer, **facts)
    collection.collect_first(order.id, pay_with=how, form_key=f"plan-{order.id}", by=seller)
    return of_order(order.id)


def of_order(order_id: int) -> PaymentAgreement:
    db.session.rollback()
    db.session.expire_all()
    query = select(PaymentAgreement).where(PaymentAgreement.order_id == order_id).order_by(PaymentAgreement.id)
    return db.session.scalars(query).first()  # type: ignore[return-value]


def terms(**changes: Any) -> Terms:
    """Care desk, 100.00 EUR and 19 % a month, by invoice, from today on."""
    facts: dict[str, Any] = {
        "frequency": Frequency.MONTHLY,
        "starts_on": clock.today(factories.ZONE),
        "lines": (LineFacts("Care desk", Decimal(1), Decimal(100), Decimal(19)),),
        "collection": CollectionMethod.PAYMENT_LINK,
        "consent_text": "We agree to pay this every month.",
        "consent_by": "Maria Keller",
        "consent_how": "by phone",
    }
    return Terms(**(facts | changes))


def by_hand(
    customer: Account | None = None, *, active: bool = True, card: bool = False, **changes: Any
) -> PaymentAgreement:
    """As `terms` says, and activated; with a `card` of its own it is charged by itself."""
    customer, by = customer or factories.account(), factories.user(Role.BILLING)
    if card:
        method: PaymentMethod = moves.card(customer)
        changes = {"collection": CollectionMethod.SAVED_METHOD, "method_id": method.id} | changes
    row = agreements.create(customer.id, terms(**changes), form_key=f"by-hand-{next(_count)}", by=by)
    if active:
        agreements.activate(row.id, by=by)
    return fresh(row)


def in_sandbox() -> PaymentAgreement:
    """Due today, by a card that the sandbox really keeps, from another order."""
    seller, customer = factories.user(Role.SALES_MANAGER), factories.account()
    order = factories.order(owner=seller, customer=customer, lines=[factories.line(1)])
    alias = BY_SLUG["visa"].alias(12, 2031)
    card = Instrument(alias=alias, label="Visa ending 4242", save=True, consent_text="May be kept.")
    collection.collect_first(order.id, pay_with=card, form_key=f"plan-{order.id}", by=seller)
    method = db.session.scalars(select(PaymentMethod).where(PaymentMethod.account_id == customer.id)).one()
    made = by_hand(customer, collection=CollectionMethod.SAVED_METHOD, method_id=method.id)
    end_read()
    return made


def fresh(row: PaymentAgreement) -> PaymentAgreement:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(PaymentAgreement, row.id)


def payments(row: PaymentAgreement) -> list[ScheduledPayment]:
    db.session.rollback()
    db.session.expire_all()
    query = select(ScheduledPayment).where(ScheduledPayment.agreement_id == row.id)
    return list(db.session.scalars(query.order_by(ScheduledPayment.period)))


def states(row: PaymentAgreement, most: int = 3) -> list[str]:
    return [payment.status.value for payment in payments(row)[:most]]


def days(row: PaymentAgreement) -> list[date]:
    return [payment.due_on for payment in payments(row)]


def attempts(row: PaymentAgreement) -> list[Attempt]:
    """Those that the schedule made."""
    db.session.expire_all()
    ids = [payment.payment_order_id for payment in payments(row) if payment.payment_order_id]
    return list(db.session.scalars(select(Attempt).where(Attempt.payment_order_id.in_(ids)).order_by(Attempt.id)))


def lose_card(row: PaymentAgreement) -> None:
    with transaction() as session:
        session.get_one(PaymentMethod, row.method_id).detached_at = clock.now()


def broken() -> list[str]:
    """Whatever rule does not hold, but for those about a real gateway's books: a scripted one keeps none."""
    return [complaint for complaint in invariants.broken(grace=timedelta(0)) if not complaint.startswith(("9:", "25:"))]
