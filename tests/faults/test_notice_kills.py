"""Processes killed for real while they take in an event: it has its one effect all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs
from app.access import Role
from app.commands.payments import collection, notices
from app.commands.payments.charges import Instrument
from app.config import ROOT
from app.db import db, end_read
from app.gateways.sandbox import notices as sandbox
from app.gateways.sandbox import post, script
from app.gateways.sandbox.cards import Fault
from app.gateways.sandbox.tables import SandboxEvent
from app.models import Attempt, ProcessorEvent, Receipt
from app.queries import invariants
from app.states.attempt import AttemptStatus
from tests import factories

pytestmark = [pytest.mark.faults, pytest.mark.engines]


def take_in_and_die(app: Flask, failpoint: str, body: bytes, headers: dict[str, str]) -> None:
    command = [sys.executable, "-m", "tests.faults.notice", app.config["SQLALCHEMY_DATABASE_URI"]]
    command += [str(app.config["INSTANCE"]), failpoint, body.decode(), sandbox.HEADER, headers[sandbox.HEADER]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


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
    take_in_and_die(any_app, failpoint, body, headers)
    assert count(ProcessorEvent) == stored
    end_read()
    if not stored:
        notices.take_in("sandbox", body, headers)  # the processor got no answer, and sends it again
    jobs.run_due(raising=True)
    db.session.expire_all()
    assert (db.session.get_one(Attempt, attempt.id).status, count(Receipt)) == (AttemptStatus.SUCCEEDED, 1)
    assert invariants.broken(grace=timedelta(0)) == []
