"""The pages of the recurring runs: how far one is, what was declined, and the button that stops it."""

from __future__ import annotations

from datetime import date

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app.access import Role
from app.commands.agreements import charging, runs
from app.db import db, end_read
from app.errors import Refusal
from app.models import Audit, History, PaymentAgreement, RecurringRun, User
from app.states.recurring_run import RunStatus
from tests import factories, plans
from tests.commands.collecting import hold
from tests.commands.conftest import gateway  # noqa: F401  (fixture)
from tests.conftest import Client
from tests.gateways.scripted import ScriptedGateway
from tests.statements import counted

DUE = date(2027, 2, 1)


def noon(day: int = 1) -> time_machine.travel:
    return time_machine.travel(f"2027-02-{day:02} 11:00:00+00:00", tick=False)


@pytest.fixture
def by(app: Flask) -> User:
    return factories.user(Role.AR)


def due(many: int) -> None:
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=False):
        for _ in range(many):
            plans.by_hand(card=True, starts_on=DUE)
    end_read()


def newest() -> RecurringRun:
    end_read()
    db.session.expire_all()
    row = runs.newest()
    assert row is not None
    return row


def test_a_stopped_run_takes_nothing_until_it_is_resumed(gateway: ScriptedGateway, by: User) -> None:  # noqa: F811
    due(2)
    with noon():
        assert charging.batch(1) == 1
        row = newest()
        assert row.status is RunStatus.RUNNING and row.day == DUE
        runs.stop(row.id, by=by)
        assert charging.run() == 0 and newest().status is RunStatus.STOPPED
        with pytest.raises(Refusal, match="stopped already"):
            runs.stop(row.id, by=by)
    with noon(2):
        assert charging.run() == 0  # over midnight, too
        runs.resume(row.id, by=by)
        assert charging.run() == 1
        assert newest().day == date(2027, 2, 2) and newest().status is RunStatus.DONE
        with pytest.raises(Refusal, match="only the newest"):
            runs.stop(row.id, by=by)
    end_read()
    told = db.session.scalars(select(Audit.action).where(Audit.action.like("recurring_run.%")).order_by(Audit.id)).all()
    assert told == ["recurring_run.stop", "recurring_run.resume"]
    moved = db.session.scalars(
        select(History.event).where(History.entity == "recurring_run", History.entity_id == row.id)
    ).all()
    assert moved == ["started", "stop", "resume", "finish"] and plans.broken() == []


def test_what_falls_due_later_the_same_day_opens_its_run_again(gateway: ScriptedGateway) -> None:  # noqa: F811
    due(1)
    with noon():
        assert charging.run() == 1 and newest().status is RunStatus.DONE
        assert charging.run() == 0 and newest().ended_at is not None
    due(1)
    with noon():
        assert charging.batch(1) == 1 and newest().status is RunStatus.RUNNING and newest().ended_at is None
        assert db.session.query(RecurringRun).count() == 1


def test_the_page_counts_and_names_what_was_declined(
    app: Flask,
    client: Client,
    gateway: ScriptedGateway,  # noqa: F811
    by: User,
) -> None:
    client.sign_in(by)
    assert "No recurring run yet" in client.get("/agreements/runs/").text
    due(4)
    gateway.answers = ["ok", "insufficient_funds", "ok but lost", "ok"]
    with noon():
        assert charging.batch(3) == 3
    with noon(1):
        client.sign_in(by)
        text = client.get("/agreements/runs/2027-02-01").text
        for label, figure in (("Due", 4), ("Charged", 1), ("Declined", 1), ("Outcome unknown", 1), ("Left", 1)):
            assert f'<dt>{label}</dt><dd class="num">{figure}</dd>' in text
        assert 'href="/payments/PO-' in text and 'href="/agreements/PA-' in text and 'hx-trigger="every' in text
        fragment = client.get("/agreements/runs/2027-02-01", headers={"HX-Request": "true"}).text
        assert fragment.startswith("<section") and "Stop the run" in fragment
        assert client.get("/agreements/runs/2027-02-02").status_code == 404
        assert client.get("/agreements/runs/never").status_code == 404
        with counted() as seen:
            assert "1 payment is due" in client.get("/agreements/runs/").text
        assert len(seen) <= 8, seen
        assert client.post("/agreements/runs/2027-02-01/stop").status_code == 303
        assert "Resume" in client.get("/agreements/runs/2027-02-01").text
        assert client.post("/agreements/runs/2027-02-01/stop").status_code == 409
        assert client.post("/agreements/runs/2027-02-01/resumption").status_code == 303
    assert newest().status is RunStatus.RUNNING


def test_what_has_no_card_and_what_nobody_was_asked_for_is_named_with_why(
    client: Client,
    gateway: ScriptedGateway,  # noqa: F811
    by: User,
) -> None:
    due(2)
    cardless, held = db.session.scalars(select(PaymentAgreement).order_by(PaymentAgreement.id)).all()
    plans.lose_card(cardless)
    hold(held.account_id)
    number = held.number
    end_read()
    with noon():
        assert charging.run() == 0
        client.sign_in(by)
        text = client.get("/agreements/runs/2027-02-01").text
        for label, figure in (("Due", 2), ("Declined", 1), ("Left", 1)):
            assert f'<dt>{label}</dt><dd class="num">{figure}</dd>' in text
        assert "This card was taken off file. Ask the customer for another card." in text
        assert "Due for more than an hour" in text and "The account is on hold" in text
        assert "taken off file" in client.get(f"/agreements/{plans.fresh(cardless).number}").text
        client.sign_in(factories.user(Role.ADMIN))
        board = client.get("/operations/payments/").text
        assert number in board and "The account is on hold" in board and "Recurring payments not asked for" in board
        assert number in client.get("/operations/payments/queues/recurring").text


def test_salespeople_neither_see_nor_stop_it(client: Client) -> None:
    client.sign_in(factories.user(Role.SALESPERSON))
    assert client.get("/agreements/runs/").status_code == 403
    assert client.post("/agreements/runs/2027-02-01/stop").status_code == 403
