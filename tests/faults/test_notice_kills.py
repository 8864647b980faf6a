"""Processes killed for real while they take in an event: it has its one effect all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs
from app.access import Role
from app.commands.payments import collection, notices
from app.commands.payments.charges import Instrument
from app.db import db, end_read
from app.gateways.sandbox import notices as sandbox
from app.gateways.sandbox import post, script
from app.gateways.sandbox.cards import Fault
from app.gateways.sandbox.tables import SandboxEvent
from app.models import Attempt, ProcessorEvent, Receipt
from app.states.attempt import AttemptStatus
from tests import factories
from tests.faults.forks import die

pytestmark = [pytest.mark.faults, pytest.mark.engines]


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize(("failpoint", "stored"), [("notice.stored", 0), ("job.staged", 1)])
def test_an_event_whose_taker_dies_has_one_effect(any_app: Flask, failpoint: str, stored: int) -> None:
    seller = factories.user(Role.SALES_MANAGER)
    script.next_charge(fault=Fault.TIMEOUT_AFTER)
    card = Instrument(alias="sbx_card_visa_1231", label="Visa ending 4242")
    attempt = collection.collect_first(factories.order(owner=seller).id, pay_with=card, form_key="k1", by=seller)
    assert attempt.status is AttemptStatus.UNKNOWN
    body = post.body_of(db.session.scalars(select(SandboxEvent.payload)).one())
    headers = sandbox.signed("sandbox", body, clock.now() - timedelta(seconds=1))
    end_read()
    die(any_app, failpoint, notices.take_in, "sandbox", body, headers)
    assert count(ProcessorEvent) == stored
    end_read()
    if not stored:
        notices.take_in("sandbox", body, headers)  # the processor got no answer, and sends it again
    jobs.run_due(raising=True)
    db.session.expire_all()
    assert (db.session.get_one(Attempt, attempt.id).status, count(Receipt)) == (AttemptStatus.SUCCEEDED, 1)
