"""One of the processes that work side by side while bin/bench looks at the watch, forked from one that has imported the
product already.

It does a few of its pieces to warm up and one to count by, says that it is ready, waits for the word, and answers with
what each of the others took. It runs under production settings: unlike the tests, with every commit flushed to the
disk.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine, event

from app import clock
from app.commands.agreements.charging import batch
from app.commands.payments import charges
from app.commands.payments.charges import Instrument
from app.commands.post import mail_delivery
from app.db import db
from app.gateways import registry
from app.gateways.sandbox import notices
from app.models import SYSTEM
from app.states.attempt import AttemptStatus
from tests.bench import probe
from tests.bench.recurring import Till
from tests.started import as_started

Work = Callable[[Any], object]
WARM = 3


def charging(app: Flask) -> Work:
    """The whole protocol for a saved card, nobody being there: attempt, gateway, outcome, and what follows from it."""

    def charge(piece: tuple[int, int]) -> None:
        intent_id, method_id = piece
        with app.app_context():
            attempt = charges.start(intent_id, pay_with=Instrument(method_id=method_id), form_key=f"{piece}", by=SYSTEM)
            done = charges.execute(attempt.id)
            if done.status is not AttemptStatus.SUCCEEDED:
                raise RuntimeError(f"the charge is {done.status}: {done.error}")

    return charge


def hearing(app: Flask) -> Work:
    """A signed event of the sandbox, from the WSGI server's hands until the answer is out."""

    def hear(piece: str) -> None:
        environ = _posted(app, piece)
        started: list[str] = []
        answer = app.wsgi_app(environ, lambda status, headers, error=None: started.append(status) or None)
        body = b"".join(answer)
        answer.close()  # type: ignore[attr-defined]
        if not started[0].startswith("200") or b'"new":true' not in body.replace(b" ", b""):
            raise RuntimeError(f"the event was not taken in: {started[0]} {body!r}")

    return hear


def mailing(app: Flask) -> Work:
    """As many mails as a worker finds waiting: claimed together, each handed over and recorded for itself."""

    def mail(piece: list[int]) -> None:
        with app.app_context():
            if any(mail_delivery.deliver_all([{"email_id": id} for id in piece])):
                raise RuntimeError("a mail was put back")

    return mail


def _posted(app: Flask, name: str) -> dict[str, Any]:
    payload = {
        "id": f"sbx_evt_{name}",
        "type": "charge.succeeded",
        "account": "sandbox",
        "mode": "test",
        "created": clock.now().isoformat(),
        "data": {"object": "charge", "id": f"sbx_ch_{name}", "metadata": {"attempt": name, "payment_order": "PO-5001"}},
    }
    body = json.dumps(payload).encode()
    with app.app_context():
        headers = notices.signed("sandbox", body, clock.now())
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/webhooks/sandbox",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_SANDBOX_SIGNATURE": headers[notices.HEADER],
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def running(app: Flask, seconds: float = 0.0) -> Work:
    """So many periods that are due, taken, claimed, charged and followed up as the recurring run does it; the gateway
    answers within the process, after `seconds`."""
    till = Till(seconds)
    registry.get = registry.for_account = lambda _of: till  # type: ignore[assignment]

    def run(most: int) -> None:
        with app.app_context():
            if batch(most) != most:
                raise RuntimeError("not so many periods were due")

    return run


def running_far(app: Flask) -> Work:
    return running(app, 0.3)


KINDS: dict[str, Callable[[Flask], Work]] = {
    "charge": charging,
    "event": hearing,
    "mail": mailing,
    "run": running,
    "far run": running_far,
    "charge probe": probe.charging,
    "event probe": probe.hearing,
    "mail probe": probe.mailing,
}


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Statements and commits of every engine of ours inside the block, the sandbox's books included."""
    seen: Counter[str] = Counter()

    def statement(connection: Any, cursor: Any, text: str, *rest: Any) -> None:
        seen["statements"] += not text.startswith(("BEGIN", "PRAGMA"))

    def commit(connection: Any) -> None:
        seen["commits"] += 1

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "commit", commit)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", statement)
        event.remove(Engine, "commit", commit)


def refuse_haste(app: Flask) -> None:
    """Raises RuntimeError where SQLite does not flush its commits to the disk."""
    with app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA synchronous").scalar() != 2:
            raise RuntimeError("SQLite does not run with synchronous=FULL")


def timed(work: Work, pieces: list[Any]) -> dict[str, Any]:
    took, cpu = [], time.process_time()
    for piece in pieces:
        began = time.perf_counter()
        work(piece)
        took.append(time.perf_counter() - began)
    return {"took": took, "cpu": (time.process_time() - cpu) / len(pieces)}


def live(environ: dict[str, str], log: Path, line: Connection, kind: str, pieces: list[Any]) -> None:
    as_started(log, environ)
    from wsgi import app  # as a web process starts

    refuse_haste(app)
    work = KINDS[kind](app)
    for piece in pieces[:WARM]:
        work(piece)
    with counted() as seen:
        work(pieces[WARM])
    line.send("ready")
    line.recv()
    line.send(timed(work, pieces[WARM + 1 :]) | seen)
