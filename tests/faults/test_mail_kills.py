"""Workers killed for real in the middle of many mails, and Redis flushed: none is lost, and only what had left already
goes out a second time, under the Message-ID it had."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from flask import Flask
from sqlalchemy import select, update

from app import clock
from app.commands.post import mail_delivery
from app.db import db, end_read, transaction
from app.jobs import housekeeping
from app.models import OrderEmail, StagedJob
from app.states.mail import MailStatus
from tests.engines import MailServer
from tests.faults.forks import Fork, die, flask
from tests.faults.processes import Processes
from tests.mail import post

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(("failpoint", "doubled"), [("mail.claimed", 0), ("mail.delivered", 1)])
def test_a_worker_killed_among_many_mails(
    app: Flask, tmp_path: Path, smtp_server: MailServer, redis_url: str, failpoint: str, doubled: int
) -> None:
    app.config.update(MAIL_TRANSPORT="smtp", SMTP_URL=f"smtp://{smtp_server.host}:{smtp_server.port}")
    emails = [post.request_payment() for _ in range(4)]
    ids = [email.id for email in emails]
    end_read()
    die(app, failpoint, take_up, app.config["SMTP_URL"], ids)
    assert len(smtp_server.mails) == doubled
    app.config["REDIS_URL"] = redis_url
    with redis.Redis.from_url(redis_url) as server:
        server.flushall()
    leases_end()
    housekeeping.sweep()
    environ = Processes(app, tmp_path, {}).environ()
    assert Fork(tmp_path / "worker.log", environ, flask, "worker", "--burst").wait(60) == 0
    db.session.expire_all()
    rows = db.session.scalars(select(OrderEmail).order_by(OrderEmail.id)).all()
    assert {row.status for row in rows} == {MailStatus.SENT}
    assert [row.ambiguous for row in rows] == [bool(doubled), False, False, False]
    got = Counter(str(mail.message["Message-ID"]) for mail in smtp_server.mails)
    assert got == {email.message_id: 1 + (doubled if n == 0 else 0) for n, email in enumerate(emails)}


def take_up(url: str, ids: list[int]) -> None:
    from flask import current_app

    current_app.config.update(MAIL_TRANSPORT="smtp", SMTP_URL=url)
    mail_delivery.deliver_all([{"email_id": id} for id in ids])


def leases_end() -> None:
    due = clock.now() - timedelta(seconds=10)
    with transaction() as session:
        session.execute(update(OrderEmail).values(lease_until=None))
        session.execute(update(StagedJob).values(lease_until=None, run_after=due))
