"""Processes killed for real between the steps of a recurring charge: whatever is left, each period is charged once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs
from app.access import Role
from app.commands.agreements import charging
from app.commands.payments import collection, inquiries
from app.commands.payments.charges import Instrument
from app.db import db, end_read
from app.models import CollectionMethod, Invoice, PaymentAgreement, PaymentMethod, PaymentOrder, Receipt
from app.queries import invariants
from tests import factories, plans
from tests.faults.agreement import run
from tests.faults.charge import ALIAS
from tests.faults.forks import die

pytestmark = [pytest.mark.faults, pytest.mark.engines]


@pytest.fixture
def row(any_app: Flask) -> PaymentAgreement:
    """Due today, by a card that the sandbox has kept."""
    seller, customer = factories.user(Role.SALES_MANAGER), factories.account()
    order = factories.order(owner=seller, customer=customer, lines=[factories.line(1)])
    card = Instrument(alias=ALIAS, label="Visa ending 4242", save=True, consent_text="May be kept.")
    collection.collect_first(order.id, pay_with=card, form_key="first", by=seller)
    method = db.session.scalars(select(PaymentMethod)).one()
    made = plans.by_hand(customer, collection=CollectionMethod.SAVED_METHOD, method_id=method.id)
    end_read()
    return made


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize(
    ("failpoint", "left"),
    [
        ("agreement.taken", "scheduled"),  # taken, and given free by its lease
        ("agreement.before_claim_commits", "scheduled"),  # no trace
        ("agreement.claimed", "collecting"),  # S2: sent under its own key
        ("charge.in_call", "collecting"),  # S3: booked there, unknown here
        ("charge.answered", "collecting"),  # S4: answered, not committed
        ("charge.outcome_committed", "collecting"),  # S5: the rest is a job
        ("post_processing.before_commit", "collecting"),
    ],
)
def test_a_killed_run_charges_its_period_once(any_app: Flask, row: PaymentAgreement, failpoint: str, left: str) -> None:
    die(any_app, failpoint, run)
    assert plans.states(row, 2) == [left, "scheduled"]
    end_read()
    later = clock.now() + charging.LEASE + timedelta(seconds=1)
    with time_machine.travel(clock.now() + timedelta(seconds=60), tick=True):
        inquiries.sweep()
        jobs.run_due()
    with time_machine.travel(later, tick=True):
        charging.run()
        jobs.run_due()
    assert plans.states(row, 2) == ["paid", "scheduled"] and len(plans.attempts(row)) == 1
    assert count(Invoice) == count(PaymentOrder) == count(Receipt) == 2
    assert invariants.broken(grace=timedelta(0)) == []
