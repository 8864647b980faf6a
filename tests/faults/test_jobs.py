"""Work survives whoever does it: workers killed for real, Redis emptied or away, the database restarted (S5, S6)."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from flask import Flask
from sqlalchemy import func, select, text, update

from app import clock
from app.commands.post import mails
from app.db import db, end_read, get, transaction
from app.models import Actor, Approval, OrderEmail, StagedJob, Tick
from app.queries import invariants
from app.states.mail import MailStatus
from tests import factories
from tests.conftest import make_app
from tests.engines import MailServer, find_program, free_port
from tests.faults.forks import die
from tests.faults.processes import Processes, until
from tests.mail import post

pytestmark = pytest.mark.faults


@pytest.fixture
def app(sqlite_template: Path, tmp_path: Path, redis_url: str, running_smtp_server: MailServer) -> Iterator[Flask]:
    """As it runs for real: with Redis, and with mail by SMTP."""
    shutil.copy(sqlite_template, tmp_path / "countersign.sqlite3")
    application = make_app(
        f"sqlite:///{tmp_path / 'countersign.sqlite3'}",
        tmp_path,
        REDIS_URL=redis_url,
        MAIL_TRANSPORT="smtp",
        SMTP_URL=f"smtp://{running_smtp_server.host}:{running_smtp_server.port}",
    )
    with redis.Redis.from_url(redis_url) as server:
        server.flushall()
    with application.app_context():
        yield application


@pytest.fixture
def processes(app: Flask, tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(app, tmp_path, {})
    yield processes
    processes.end()


def stage_mail() -> OrderEmail:
    """A notice to the owner of an order."""
    approval = post.approval()
    with transaction() as session:
        return mails.customer_declined(
            session.merge(approval), reason="Too expensive.", by=Actor.customer("Maria Keller")
        )


def is_sent(email: OrderEmail) -> Callable[[], bool]:
    status = select(OrderEmail.status).where(OrderEmail.id == email.id)
    return lambda: db.session.scalar(status) is MailStatus.SENT


def is_done() -> bool:
    return db.session.scalar(select(func.count(StagedJob.id)).where(StagedJob.done_at.is_(None))) == 0


def let_leases_run_out() -> None:
    past = clock.now() - timedelta(seconds=1)
    with transaction() as session:
        session.execute(update(StagedJob).where(StagedJob.lease_until.is_not(None)).values(lease_until=past))
        session.execute(update(OrderEmail).where(OrderEmail.lease_until.is_not(None)).values(lease_until=past))


def ids(server: MailServer) -> list[str]:
    return [mail.message["Message-ID"] for mail in server.mails]


def test_a_worker_sends_at_once(processes: Processes, smtp_server: MailServer) -> None:
    processes.start("worker")
    until(lambda: "worker.ready" in processes.log("worker"), "the worker's start")
    email = stage_mail()
    until(is_sent(email), "sending")
    assert ids(smtp_server) == [email.message_id]
    assert "Traceback" not in processes.log("worker")


@pytest.mark.parametrize(
    ("failpoint", "copies"),
    [
        ("mail.claimed", 1),
        # Nobody can know whether the server has it: the same Message-ID lets the receiver's see one mail.
        ("mail.delivered", 2),
        ("job.handed_over", 1),
    ],
)
def test_a_killed_worker_loses_no_mail(
    processes: Processes, smtp_server: MailServer, failpoint: str, copies: int
) -> None:
    email = stage_mail()
    processes.start("worker", "--burst", failpoint=failpoint).wait(60)
    db.session.rollback()
    assert not is_done()
    let_leases_run_out()
    processes.start("worker")
    processes.start("clock")
    until(is_done, "doing the job again")
    assert is_sent(email)()
    assert ids(smtp_server) == [email.message_id] * copies
    assert post.reload(email).ambiguous is (copies == 2)


def test_a_worker_killed_with_its_work_horse_is_replaced(processes: Processes, smtp_server: MailServer) -> None:
    smtp_server.refusal = "451 try later"
    email = stage_mail()
    worker = processes.start("worker")
    until(lambda: db.session.scalar(select(OrderEmail.tries)) == 1, "the first try")
    processes.kill(worker)
    smtp_server.refusal = ""
    let_leases_run_out()  # the mail counts its try when it is claimed: the kill may have come before the answer
    with transaction() as session:
        session.execute(update(StagedJob).values(run_after=clock.now()))
    processes.start("worker")
    processes.start("clock")
    until(is_sent(email), "sending by another worker")


def change_requested(approval_id: int) -> None:
    with transaction():
        mails.change_requested(get(Approval, approval_id), message="Twelve.", by=Actor.customer("Maria"))


def test_a_job_staged_and_never_handed_over_is_found(app: Flask, processes: Processes, smtp_server: MailServer) -> None:
    approval = post.approval()
    approval_id = approval.id
    end_read()
    die(app, "job.staged", change_requested, approval_id)
    email = db.session.scalars(select(OrderEmail)).one()
    processes.start("worker")
    processes.start("clock")
    until(is_sent(email), "finding the job")
    assert ids(smtp_server) == [email.message_id]


def test_emptying_redis_loses_no_mail(app: Flask, processes: Processes, smtp_server: MailServer) -> None:
    emails = [stage_mail() for _ in range(3)]
    with redis.Redis.from_url(app.config["REDIS_URL"]) as server:
        server.flushall()
    processes.start("worker")
    processes.start("clock")
    until(is_done, "sweeping up")
    assert sorted(ids(smtp_server)) == sorted(email.message_id for email in emails)


@pytest.fixture
def own_redis(app: Flask, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts the application's Redis, which may be killed and started again."""
    port = free_port()
    app.config["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    command = [find_program("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    servers: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        servers.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
        server.wait()


def test_work_goes_on_when_redis_comes_up_at_last(
    app: Flask,
    processes: Processes,
    smtp_server: MailServer,
    own_redis: Callable[[], subprocess.Popen[bytes]],
) -> None:
    factories.company()
    email = stage_mail()
    assert app.test_client().get("/health").status_code == 200
    processes.start("worker")
    processes.start("clock")
    until(lambda: "worker.waiting_for_redis" in processes.log("worker"), "the worker's waiting")
    until(lambda: db.session.scalar(select(func.count(Tick.name))), "the clock's first tick")
    own_redis()
    until(is_sent(email), "sending")
    assert ids(smtp_server) == [email.message_id]


def test_a_worker_outlives_a_restart_of_redis(
    processes: Processes, smtp_server: MailServer, own_redis: Callable[[], subprocess.Popen[bytes]]
) -> None:
    server = own_redis()
    worker, clock_process = processes.start("worker"), processes.start("clock")
    first = stage_mail()
    until(is_sent(first), "sending")
    server.kill()
    server.wait()
    second = stage_mail()
    own_redis()
    until(is_sent(second), "sending again")
    assert (worker.poll(), clock_process.poll()) == (None, None)
    assert sorted(ids(smtp_server)) == sorted([first.message_id, second.message_id])


def test_the_clock_outlives_a_restart_of_the_database(postgres_url_factory: Callable[[], str], tmp_path: Path) -> None:
    application = make_app(postgres_url_factory(), tmp_path)
    with application.app_context():
        processes = Processes(application, tmp_path, {})
        try:
            processes.start("clock")
            until(lambda: db.session.scalar(select(func.count(Tick.name))), "the first tick")
            last = db.session.scalar(select(func.max(Tick.due_at)))
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            assert db.session.execute(text(f"{others} AND pid <> pg_backend_pid()")).all()
            db.session.rollback()
            until(lambda: db.session.scalar(select(func.max(Tick.due_at))) != last, "the next tick")
            end_read()
            assert invariants.broken(grace=timedelta(0)) == []
        finally:
            processes.end()
            db.session.remove()
            db.engine.dispose()


def test_both_stop_when_told_to(processes: Processes) -> None:
    started = [processes.start("worker"), processes.start("clock")]
    until(lambda: "worker.ready" in processes.log("worker"), "the worker's start")
    until(lambda: db.session.scalar(select(func.count(Tick.name))), "the clock's first tick")
    for process in started:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(10) for process in started] == [0, 0]
    assert "Traceback" not in processes.log("worker") + processes.log("clock")


def test_nothing_of_a_token_is_logged(app: Flask, processes: Processes, smtp_server: MailServer) -> None:
    approval = post.approval()
    email = post.request_approval(approval)
    processes.start("worker")
    until(is_sent(email), "sending")
    body = smtp_server.mails[0].message.get_body(("plain",))
    assert body is not None
    link = next(word for word in body.get_content().split() if "/approve/" in word)
    assert link.rpartition("/")[2] not in processes.log("worker")
    assert db.session.scalar(select(Approval.sent_at)) is not None
