"""Processes killed for real between the steps of a refund or a capture: what is left ends as one, with one receipt."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock
from app.access import Role
from app.commands.payments import movement_calls
from app.db import db, end_read
from app.models import Movement, Receipt, Transaction
from app.states.movement import MovementStatus
from tests import factories
from tests.commands import moving
from tests.faults.forks import die
from tests.faults.movement import move

pytestmark = [pytest.mark.faults, pytest.mark.engines]

ROWS = {
    "movement.before_row_commits": 0,  # S1: no trace
    "movement.committed": 1,  # S2: sent again under the same key
    "movement.in_call": 1,  # S3: booked there, unknown here
    "movement.answered": 1,  # S4: answered, not committed
    "movement.outcome_committed": 1,  # S5: the rest is a job
}


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize("what", ["refund", "capture"])
@pytest.mark.parametrize("failpoint", ROWS)
def test_a_killed_movement_ends_as_one(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch, what: str, failpoint: str
) -> None:
    from app import jobs

    if what == "capture":
        moving.capture_later()
    boss = factories.user(Role.ADMIN)
    of = moving.paid(boss)
    of_id, boss_id, before = of.id, boss.id, count(Receipt)
    end_read()
    die(any_app, failpoint, move, what, of_id, boss_id)
    db.session.expire_all()
    assert count(Movement) == ROWS[failpoint]
    end_read()
    if not ROWS[failpoint]:
        move(what, of_id, boss_id)
    with time_machine.travel(clock.now() + timedelta(seconds=60), tick=True):
        movement_calls.sweep()
        jobs.run_due()
    db.session.expire_all()
    assert db.session.scalars(select(Movement.status)).one() is MovementStatus.SUCCEEDED
    assert db.session.scalar(select(func.count()).where(Transaction.action == what)) == 1
    assert count(Receipt) == before + 1
    end_read()
