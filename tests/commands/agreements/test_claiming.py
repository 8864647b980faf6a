"""Due periods are claimed, charged and followed up many at once: the same rows as one by one, one that breaks apart."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock
from app.commands.agreements import charging
from app.commands.payments import many_charges, post_processing
from app.commands.post import mails
from app.db import Base, db, end_read
from app.models import Invoice, OrderEmail, PaymentAgreement, PostProcessing, Receipt, StagedJob
from tests import plans
from tests.commands.collecting import hold
from tests.conftest import make_app
from tests.gateways.scripted import ScriptedGateway
from tests.statements import counted

pytestmark = pytest.mark.usefixtures("in_january")

DUE = date(2027, 2, 1)
BY_CHANCE = re.compile(r"[\w-]{22,}")


def on_the_day() -> time_machine.travel:
    return time_machine.travel("2027-02-01 11:00:00+00:00", tick=False)


def made(many: int) -> list[PaymentAgreement]:
    rows = [plans.by_hand(card=True, starts_on=DUE) for _ in range(many)]
    end_read()
    return rows


def copied(app: Flask, folder: Path) -> Flask:
    """Another product on a copy of the same database."""
    end_read()
    here, there = sqlite3.connect(db.engine.url.database or ""), sqlite3.connect(folder / "copy.sqlite3")
    here.backup(there)
    here.close()
    there.close()
    return make_app(f"sqlite:///{folder / 'copy.sqlite3'}", folder)


def written() -> dict[str, list[str]]:
    """Every row of every table, but for what is drawn by lot and in which order rows came."""
    found = {}
    for table in Base.metadata.sorted_tables:
        rows = [_told(table.name, dict(row)) for row in db.session.execute(_compared(table)).mappings()]
        found[table.name] = sorted(rows)
    end_read()
    return found


def _compared(table: Any) -> Any:
    """One job follows all that was written down together."""
    return table.select().where(~table.c.kind.startswith("post_")) if table.name == "staged_job" else table.select()


def _told(table: str, row: dict[str, Any]) -> str:
    for name in ("id", "content_hash", "updated_at"):
        row.pop(name, None)
    if table == "order_email":
        row["attachments"] = len(row["attachments"])
    if table == "staged_job":
        row["args"], row["key"] = sorted(row["args"]), row["key"] and row["key"].partition(":")[0]
    return BY_CHANCE.sub("*", json.dumps(row, default=str, sort_keys=True))


def test_many_at_once_leave_the_same_rows_as_one_after_another(
    app: Flask, gateway: ScriptedGateway, tmp_path: Path
) -> None:
    made(3)
    plans.by_hand(starts_on=DUE)  # by link
    other = copied(app, tmp_path)
    other.config["CHARGES_IN_FLIGHT"] = 1  # so that the gateway numbers them in their order
    with on_the_day():
        ids = charging.take(50)
        assert all(charging.collect([id]) for id in ids)
        alone = written()
        gateway.booked.clear()
        with other.app_context():
            assert charging.batch(50) == 4
            together = written()
            assert plans.broken() == []
            follows = db.session.scalars(select(StagedJob.args).where(StagedJob.kind == "post_processing.run_all"))
            assert [len(args["transaction_ids"]) for args in follows] == [3]
    assert {name: rows for name, rows in alone.items() if rows != together[name]} == {
        name: rows for name, rows in together.items() if rows != alone[name]
    }
    assert len(alone["receipt"]) == 3 and len(alone["history"]) > 40


def test_how_many_there_are_makes_no_more_statements(gateway: ScriptedGateway) -> None:
    made(2)
    with on_the_day(), counted() as few:
        assert charging.run() == 2
    made(8)
    with on_the_day(), counted() as many:
        assert charging.run() == 8
    assert len(many) <= len(few) + 5, "\n".join(many)


def test_numbers_have_no_gaps_though_one_breaks(gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = made(5)
    hold(rows[2].account_id)
    with on_the_day():
        assert charging.run() == 4
    numbers = sorted(int(x.partition("-")[2]) for x in db.session.scalars(select(Invoice.number)) if x)
    assert numbers == list(range(numbers[0], numbers[0] + 4)) and plans.broken() == []


def test_answers_of_every_kind_end_as_they_would_alone(gateway: ScriptedGateway) -> None:
    rows = made(5)
    gateway.answers = ["ok", "insufficient_funds", "ok but lost", "wrong amount", "ok"]
    with on_the_day():
        assert charging.run() == 5
    states = sorted(plans.states(row, 1)[0] for row in rows)
    assert states == ["collecting", "collecting", "failed", "paid", "paid"]
    assert [x for x in plans.broken() if not x.startswith("15:")] == []


def test_what_follows_one_breaks_and_the_others_are_done(
    gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(4)
    whole, broken = mails.receipt, []

    def breaks(row: Receipt, **how: Any) -> OrderEmail:
        if not broken or row.account_id == broken[0]:
            broken[:] = [row.account_id]
            raise RuntimeError("a defect")
        return whole(row, **how)

    monkeypatch.setattr(mails, "receipt", breaks)
    with on_the_day():
        assert charging.run() == 4
        assert db.session.query(Receipt).count() == 4
        assert db.session.query(OrderEmail).filter_by(kind="receipt").count() == 3
        left = db.session.scalars(select(PostProcessing).where(PostProcessing.done_at.is_(None))).one()
        assert left.step == "mails" and "a defect" in (left.error or "")
        monkeypatch.setattr(mails, "receipt", whole)
        assert post_processing.run(left.transaction_id or 0)
    assert plans.broken() == []


def test_outcomes_that_cannot_be_written_together_are_written_alone(
    gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = made(3)

    def breaks(answers: object) -> int:
        raise RuntimeError("a defect")

    monkeypatch.setattr(many_charges, "_settle", breaks)
    with on_the_day():
        assert charging.run() == 3
    assert [plans.states(row, 1) for row in rows] == [["paid"]] * 3 and plans.broken() == []


def test_many_are_charged_by_the_clock_of_whoever_asks(gateway: ScriptedGateway) -> None:
    made(2)
    later = date(2027, 3, 13)  # forty days after they were due
    with time_machine.travel(f"{later} 11:00:00+00:00", tick=False), clock.turned_back(timedelta(days=40)):
        assert charging.run() == 2
    assert db.session.query(Receipt).count() == 2
