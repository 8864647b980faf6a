"""Real engines for the tests: PostgreSQL, Redis, a mail server and Chromium, each started once a run.

A missing engine fails the tests that need it and names the command that installs it; nothing is ever skipped.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import psycopg
import pytest
import redis
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from playwright.sync_api import Browser, expect, sync_playwright

from tests.databases import Lender

ROOT = Path(__file__).parent.parent
START_SECONDS = 60


def find_program(name: str) -> str:
    """Returns the path of a program, looking also where Debian keeps PostgreSQL's; fails the test if it is missing."""
    by_version = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    path = shutil.which(name) or (by_version and str(by_version[-1]))
    if not path:
        pytest.fail(f"«{name}» is missing on this machine; install it with: bin/setup --test", pytrace=False)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(ready: Callable[[], object], process: subprocess.Popen[bytes], *errors: type[Exception]) -> None:
    """Calls `ready` until it raises none of `errors`; fails when the process ends or START_SECONDS pass."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            ready()
            return
        except errors as error:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{process.args} did not start: {error}", pytrace=False)
            time.sleep(0.02)


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server reached through a socket in `folder`, with trust for the user postgres."""

    folder: Path

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str) -> int:
        """Returns how many rows it was about."""
        with self.connect("postgres") as connection:
            return connection.execute(statement).rowcount

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(f"host={self.folder} user=postgres dbname={database}", autocommit=True)


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """A server of our own, without any database yet; gone with its data at the end. `durable`: it flushes each commit
    to the disk, as a server that holds anything of worth does."""
    programs = {name: find_program(name) for name in ("initdb", "postgres")}
    user = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="countersign-postgres-"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    owner = {"user": user.pw_uid, "group": user.pw_gid, "cwd": folder} if os.getuid() == 0 else {"cwd": folder}
    data = str(folder / "data")
    initdb = [programs["initdb"], "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"]
    subprocess.run([*initdb, "--no-locale", data], check=True, stdout=subprocess.DEVNULL, **owner)
    haste = [] if durable else ["fsync=off", "full_page_writes=off"]
    settings = [*haste, "max_connections=300", "listen_addresses="]
    flags = [flag for setting in [*settings, f"unix_socket_directories={folder}"] for flag in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([programs["postgres"], "-D", data, *flags], stderr=log, **owner)
    postgres = Postgres(folder)
    try:
        wait_until(lambda: postgres.execute("SELECT 1"), server, psycopg.OperationalError)
        yield postgres
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth keeping
        server.wait()
        shutil.rmtree(folder)


@contextmanager
def prepared_postgres() -> Iterator[Postgres]:
    """A server with a database `template` that holds the migrated, empty schema."""
    with running_postgres() as server:
        server.execute("CREATE DATABASE template")
        migrate(server.url("template"), server.folder)
        yield server


SHARED_POSTGRES = "COUNTERSIGN_TEST_POSTGRES"  # its folder, for the processes of one run


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this run: of all its processes, if there are several (see pytest_xdist_setupnodes)."""
    if folder := os.environ.get(SHARED_POSTGRES):
        yield Postgres(Path(folder))
        return
    with prepared_postgres() as server:
        yield server


def migrate(database_url: str, instance: Path) -> None:
    settings = {"COUNTERSIGN_DATABASE_URL": database_url, "COUNTERSIGN_INSTANCE": str(instance)}
    upgrade = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    done = subprocess.run(upgrade, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"The migrations do not run on {database_url}:\n{done.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Lender:
    return Lender(postgres)


@pytest.fixture
def postgres_url_factory(postgres: Postgres, databases: Lender) -> Iterator[Callable[[], str]]:
    """Each call returns the address of a migrated database that is as good as new; the test's own until it ends."""
    names: list[str] = []

    def create() -> str:
        names.append(databases.lend())
        return postgres.url(names[-1])

    yield create
    for name in names:
        databases.take_back(name)


@contextmanager
def running_redis() -> Iterator[str]:
    """The address of a Redis of our own, which forgets everything when it ends."""
    port = free_port()
    command = [find_program("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir())
    try:
        url = f"redis://127.0.0.1:{port}/0"
        with redis.Redis.from_url(url) as client:
            wait_until(client.ping, server, redis.ConnectionError)
        yield url
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with running_redis() as url:
        yield url


@dataclass
class CaughtMail:
    sender: str
    recipients: list[str]
    message: EmailMessage


@dataclass
class MailServer:
    """Accepts every mail and keeps it in `mails`, or answers DATA with `refusal`, such as "451 try later"."""

    host: str
    port: int
    mails: list[CaughtMail] = field(default_factory=list)
    refusal: str = ""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refusal:
            return self.refusal
        message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        self.mails.append(CaughtMail(envelope.mail_from or "", envelope.rcpt_tos, message))
        return "250 caught"


@pytest.fixture(scope="session")
def running_smtp_server() -> Iterator[MailServer]:
    catcher = MailServer("127.0.0.1", free_port())
    controller = Controller(catcher, hostname=catcher.host, port=catcher.port)
    controller.start()
    yield catcher
    controller.stop()


@pytest.fixture
def smtp_server(running_smtp_server: MailServer) -> MailServer:
    """The mail server of this run, empty and willing."""
    running_smtp_server.mails.clear()
    running_smtp_server.refusal = ""
    return running_smtp_server


CHROMIUMS = ("chromium-headless-shell", "chromium")
CHROMIUM_FLAGS = [  # silent on a closed network, and able to run as root in a small container
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-gpu-rasterization",  # Debian's own flags ask for it; without a graphics card it costs a fifth more
    "--disable-software-rasterizer",
    "--js-flags=--no-opt,--no-maglev",  # a page is left long before it pays to optimize what runs in it
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--no-first-run",
    "--no-pings",
    "--disable-breakpad",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, the one without a window where there is one, as a context costs a third in it; each test
    opens its own."""
    known = next(filter(shutil.which, CHROMIUMS), CHROMIUMS[0])
    expect.set_options(timeout=30_000)  # what comes, comes; a page's first turn on a busy machine takes its time
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_program(known), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()
