"""Processes killed for real between the steps of a retry: whatever is left, the period is charged once more, once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from app import clock, jobs
from app.commands.agreements import charging
from app.commands.dunning import steps
from app.commands.payments import inquiries
from app.db import end_read
from app.gateways.sandbox import script
from app.queries import invariants
from tests import plans, stories
from tests.faults.dunning import run
from tests.faults.forks import die

pytestmark = [pytest.mark.faults, pytest.mark.engines]


@pytest.mark.parametrize(
    ("failpoint", "left"),
    [
        ("dunning.taken", "failed"),
        ("dunning.before_claim_commits", "failed"),  # no trace
        ("dunning.claimed", "collecting"),
        ("charge.in_call", "collecting"),  # booked there, unknown here
        ("charge.outcome_committed", "collecting"),  # the rest is a job
    ],
)
def test_a_killed_retry_charges_its_period_once(any_app: Flask, failpoint: str, left: str) -> None:
    with time_machine.travel(clock.now() - timedelta(days=1, minutes=1), tick=True):
        row = plans.in_sandbox()
        script.next_charge(decline_code="insufficient_funds")
        assert charging.run() == 1 and plans.states(row, 1) == ["failed"]
        end_read()
    die(any_app, failpoint, run)
    assert plans.states(row, 1) == [left]
    end_read()
    with time_machine.travel(clock.now() + timedelta(minutes=1), tick=True):
        inquiries.sweep()
        jobs.run_due()
    with time_machine.travel(clock.now() + steps.LEASE + timedelta(minutes=1), tick=True):
        steps.run()
    assert plans.states(row, 1) == ["paid"] and len(plans.attempts(row)) == 2
    assert stories.case(row).status == "recovered" and invariants.broken(grace=timedelta(0)) == []
