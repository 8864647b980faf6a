"""A period is given back like any payment, at a gateway that keeps books, and stays charged."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from app.access import Role
from app.commands.agreements import charging
from app.db import db, end_read
from app.models import Invoice, Transaction
from app.queries import invariants
from app.states.invoice import InvoiceStatus
from tests import factories, plans
from tests.commands import moving


def test_a_period_is_refunded_like_any_payment_and_stays_charged(app: Flask) -> None:
    row = plans.in_sandbox()
    assert charging.run() == 1
    paid = plans.payments(row)[0]
    mine = select(Transaction).where(Transaction.payment_order_id == paid.payment_order_id)
    charge, bill_id = db.session.scalars(mine).one(), paid.invoice_id
    end_read()
    moving.refund(charge, 11900, factories.user(Role.AR), credit_note=True)
    db.session.expire_all()
    assert db.session.get_one(Invoice, bill_id).status is InvoiceStatus.CREDITED
    assert plans.states(row, 2) == ["paid", "scheduled"] and charging.run() == 0
    assert invariants.broken(grace=timedelta(0)) == []
