"""Processes killed for real between the steps of a charge: whatever is left ends in one charge and one receipt."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock
from app.access import Role
from app.commands.payments import collection, inquiries
from app.db import db, end_read
from app.models import Attempt, OrderEmail, Receipt, SalesOrder, Transaction, User
from app.states.order import OrderStatus
from tests import factories
from tests.faults.charge import charge
from tests.faults.forks import die

pytestmark = [pytest.mark.faults, pytest.mark.engines]


@pytest.fixture
def seller(any_app: Flask) -> User:
    return factories.user(Role.SALES_MANAGER)


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize(
    ("failpoint", "attempts"),
    [
        ("charge.before_attempt_commits", 0),  # S1: no trace
        ("charge.attempt_committed", 1),  # S2: sent again under the same key
        ("charge.in_call", 1),  # S3: booked there, unknown here
        ("charge.answered", 1),  # S4: answered, not committed
        ("charge.outcome_committed", 1),  # S5: the rest is a job
        ("post_processing.before_commit", 1),  # all that follows is lost, and done again
    ],
)
def test_a_killed_charge_ends_as_one_charge_and_one_receipt(
    any_app: Flask, seller: User, failpoint: str, attempts: int
) -> None:
    order = factories.order(owner=seller)
    first = collection.prepare_first(order.id, by=seller)
    order_id, first_id, seller_id = order.id, first.id, seller.id
    end_read()
    die(any_app, failpoint, charge, first_id, seller_id)
    db.session.expire_all()
    assert count(Attempt) == attempts
    if not attempts:
        charge(first_id, seller_id)
    finish()
    assert db.session.get_one(SalesOrder, order_id).status is OrderStatus.ACTIVATED
    assert (count(Attempt), count(Transaction), count(Receipt)) == (1, 1, 1)
    assert db.session.scalar(select(func.count()).where(OrderEmail.kind == "receipt")) == 1


def finish() -> None:
    """What clock and worker do after a restart: sweep, then the jobs that are due."""
    from app import jobs

    end_read()
    with time_machine.travel(clock.now() + timedelta(seconds=60), tick=True):
        inquiries.sweep()
        jobs.run_due()
    db.session.expire_all()
