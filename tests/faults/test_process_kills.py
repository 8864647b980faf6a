"""The web server and the worker killed in the middle of a customer's payment: one charge, one receipt, one mail."""

from __future__ import annotations

import re
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from http.client import RemoteDisconnected
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
import redis
from flask import Flask
from sqlalchemy import func, select, update

from app import clock, links
from app.access import Role
from app.commands.payments import collection, payment_links
from app.db import db, end_read, transaction
from app.models import SYSTEM, Attempt, IntentPurpose, OrderEmail, PaymentOrder, Receipt, SalesOrder, StagedJob
from app.models import Transaction as Evidence
from app.states.mail import MailStatus
from app.states.order import OrderStatus
from tests import factories
from tests.conftest import make_app
from tests.engines import MailServer, free_port
from tests.faults.processes import Processes, until

pytestmark = [pytest.mark.faults, pytest.mark.engines]


@pytest.fixture(params=["sqlite", "postgresql"])
def app(
    request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path, redis_url: str, smtp_server: MailServer
) -> Iterator[Flask]:
    """As it runs for real, on both databases: with Redis, and with mail by SMTP."""
    path = tmp_path / "countersign.sqlite3"
    shutil.copy(sqlite_template, path)
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{path}" if sqlite else request.getfixturevalue("postgres_url_factory")()
    smtp = f"smtp://{smtp_server.host}:{smtp_server.port}"
    base = f"http://127.0.0.1:{free_port()}"
    application = make_app(
        url, tmp_path, REDIS_URL=redis_url, MAIL_TRANSPORT="smtp", SMTP_URL=smtp, BASE_URL=base, SANDBOX=True
    )
    with application.app_context():
        yield application
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def processes(app: Flask, tmp_path: Path) -> Iterator[Processes]:
    running = Processes(app, tmp_path, {})
    yield running
    running.end()


@pytest.fixture
def link(app: Flask) -> str:
    """The path of a payment link for a draft's first payment."""
    seller = factories.user(Role.SALES_MANAGER)
    first = collection.prepare_first(factories.order(owner=seller, lines=[factories.line()]).id, by=seller)
    with transaction() as session:
        row = session.get_one(PaymentOrder, first.id)
        expires = clock.now() + timedelta(days=1)
        intent = payment_links.open_intent(row, IntentPurpose.LINK, expires, by=SYSTEM)
    with app.test_request_context():
        path = urllib.parse.urlsplit(links.url("pay", intent.public_id, intent.generation)).path
    end_read()
    return path


class Visitor:
    """A browser without scripts: cookies, a form, a button."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar())).open

    def get(self, path: str) -> str:
        with self.open(self.base + path, timeout=30) as answer:
            return str(answer.read().decode())

    def pay(self, path: str) -> str:
        page = self.get(path)
        fields = {name: hidden(page, name) for name in ("csrf_token", "form_key", "edition")}
        fields |= {"instrument": "sbx_card_visa_1231", "card_label": "Visa ending 4242", "name": "Maria Keller"}
        fields |= {"receipt_email": "maria@northfield.example"}
        with self.open(self.base + path, urllib.parse.urlencode(fields).encode(), timeout=30) as answer:
            return str(answer.read().decode())


def hidden(page: str, name: str) -> str:
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert tag, f"no field {name}"
    value = re.search(r'value="([^"]*)"', tag.group())
    return value.group(1) if value else ""


def serve(processes: Processes, failpoint: str = "") -> None:
    port = processes.app.config["BASE_URL"].rpartition(":")[2]
    processes.start("run", "--port", port, "--no-reload", failpoint=failpoint)

    def answers() -> bool:
        try:
            Visitor(processes.app.config["BASE_URL"]).get("/health")
        except OSError:
            return False
        return True

    until(answers, "the web server's start")


def time_passes() -> None:
    """What is due in half a minute is due now."""
    with transaction() as session:
        session.execute(update(Attempt).where(Attempt.ask_at.is_not(None)).values(ask_at=clock.now()))
        session.execute(
            update(StagedJob).where(StagedJob.done_at.is_(None)).values(run_after=clock.now(), lease_until=None)
        )


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def mails_are_out() -> bool:
    statuses = db.session.scalars(select(OrderEmail.status)).all()
    return len(statuses) == 2 and set(statuses) == {MailStatus.SENT}


# Every point on both databases is in test_charge_kills; here the servers themselves die, once in each kind of gap.
@pytest.mark.parametrize(
    ("app", "failpoint"),
    [
        ("sqlite", "charge.in_call"),
        ("sqlite", "charge.outcome_committed"),
        ("postgresql", "charge.answered"),
    ],
    indirect=["app"],
)
def test_a_web_server_killed_while_paying(
    app: Flask, processes: Processes, link: str, failpoint: str, redis_url: str, smtp_server: MailServer
) -> None:
    serve(processes, failpoint)
    with pytest.raises((RemoteDisconnected, ConnectionError)):
        Visitor(app.config["BASE_URL"]).pay(link)
    assert processes.running[-1].wait(10) == -9
    with redis.Redis.from_url(redis_url) as server:
        server.flushall()
    serve(processes)
    time_passes()
    processes.start("worker")
    processes.start("clock")
    finished(app, link, smtp_server)


def test_a_worker_killed_in_the_work_that_follows(
    app: Flask, processes: Processes, link: str, redis_url: str, smtp_server: MailServer
) -> None:
    serve(processes, "charge.outcome_committed")
    with pytest.raises((RemoteDisconnected, ConnectionError)):
        Visitor(app.config["BASE_URL"]).pay(link)
    time_passes()
    dying = processes.start("worker", failpoint="post_processing.step_committed")
    processes.start("clock")
    until(lambda: count(Receipt) == 1, "the first step of post-processing")
    processes.kill(dying)
    serve(processes)
    processes.start("worker")
    time_passes()
    finished(app, link, smtp_server)


def finished(app: Flask, link: str, smtp_server: MailServer) -> None:
    """The order is active, there is one of everything, and the customer's page says so."""
    until(mails_are_out, "both mails")
    db.session.expire_all()
    assert db.session.scalars(select(SalesOrder.status)).one() is OrderStatus.ACTIVATED
    assert (count(Attempt), count(Evidence), count(Receipt)) == (1, 1, 1)
    assert len(smtp_server.mails) == 2
    page = Visitor(app.config["BASE_URL"]).get(link)
    assert "€119.00" in page
    assert "Pay €119.00" not in page
