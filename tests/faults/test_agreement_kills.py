"""Processes killed for real between the steps of a recurring charge: whatever is left, each period is charged once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs
from app.commands.agreements import charging
from app.commands.payments import inquiries
from app.db import db, end_read
from app.models import Invoice, PaymentAgreement, PaymentOrder, Receipt
from tests import plans
from tests.faults.agreement import run
from tests.faults.forks import die

pytestmark = [pytest.mark.faults, pytest.mark.engines]


@pytest.fixture
def rows(any_app: Flask) -> list[PaymentAgreement]:
    """Due together, so that they are claimed, charged and followed up together."""
    return [plans.in_sandbox(), plans.in_sandbox()]


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
def test_a_killed_run_charges_its_periods_once(
    any_app: Flask, rows: list[PaymentAgreement], failpoint: str, left: str
) -> None:
    die(any_app, failpoint, run)
    assert [plans.states(row, 2) for row in rows] == [[left, "scheduled"]] * 2
    end_read()
    later = clock.now() + charging.LEASE + timedelta(seconds=1)
    with time_machine.travel(clock.now() + timedelta(seconds=60), tick=True):
        inquiries.sweep()
        jobs.run_due()
    with time_machine.travel(later, tick=True):
        charging.run()
        jobs.run_due()
    assert [plans.states(row, 2) for row in rows] == [["paid", "scheduled"]] * 2
    assert [len(plans.attempts(row)) for row in rows] == [1, 1]
    assert count(Invoice) == count(PaymentOrder) == count(Receipt) == 4
