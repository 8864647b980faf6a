"""The yardstick for what moves money: the same commits with the fewest rows that could be called a charge or an event,
by prepared statements. What it leaves out (locks, checks, history, audit, mails, papers) is what the product adds."""

from __future__ import annotations

import json
import os
import smtplib
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import Engine, text

from app.db import WRITE, db

TABLES = (
    "attempt (id VARCHAR(60) PRIMARY KEY, amount BIGINT, state VARCHAR(20), request TEXT, at VARCHAR(40))",
    "movement (id VARCHAR(60) PRIMARY KEY, attempt VARCHAR(60) UNIQUE, amount BIGINT, at VARCHAR(40))",
    "receipt (id VARCHAR(60) PRIMARY KEY, movement VARCHAR(60) UNIQUE, amount BIGINT, at VARCHAR(40))",
    "event (id VARCHAR(60) PRIMARY KEY, payload TEXT, at VARCHAR(40))",
    "mail (id VARCHAR(60) PRIMARY KEY, state VARCHAR(20), at VARCHAR(40))",
    "job (id VARCHAR(60) PRIMARY KEY, args TEXT, at VARCHAR(40))",
)
START = text("INSERT INTO probe_attempt VALUES (:id, 11900, 'started', :request, :at)")
END = text("UPDATE probe_attempt SET state = 'succeeded' WHERE id = :id")
PROVE = text("INSERT INTO probe_movement VALUES (:id, :id, 11900, :at)")
RECEIPT = text("INSERT INTO probe_receipt VALUES (:id, :id, 11900, :at)")
EVENT = text("INSERT INTO probe_event VALUES (:id, :payload, :at)")
MAIL = text("INSERT INTO probe_mail VALUES (:id, 'sending', :at)")
MAILED = text("UPDATE probe_mail SET state = 'sent' WHERE id = :id")
JOB = text("INSERT INTO probe_job VALUES (:id, :payload, :at)")


def make_tables(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(text(f"CREATE TABLE probe_{table}"))


def charging(app: Flask) -> Callable[[str], object]:
    """Three commits: the attempt; the outcome; the receipt."""
    engine = _engine(app)

    def charge(piece: str) -> None:
        facts = {"id": _id(piece), "at": _now(), "request": json.dumps({"key": piece, "amount": 11900})}
        _commit(engine, (START,), facts)
        _commit(engine, (END, PROVE), facts)
        _commit(engine, (RECEIPT,), facts)

    return charge


def hearing(app: Flask) -> Callable[[str], object]:
    """One commit: the event and its job."""
    engine = _engine(app)

    def hear(piece: str) -> None:
        facts = {"id": _id(piece), "at": _now(), "payload": json.dumps({"id": piece, "type": "charge.succeeded"})}
        _commit(engine, (EVENT, JOB), facts)

    return hear


def mailing(app: Flask) -> Callable[[str], object]:
    """Two commits and a finished message over a line that is open already."""
    engine, server = _engine(app), urlsplit(app.config["SMTP_URL"])
    client = smtplib.SMTP(server.hostname or "", server.port or 25)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    text = "From: sales@seller.test\r\nTo: maria@buyer.test\r\nSubject: Pay\r\n\r\n" + 60 * f"{'x' * 76}\r\n"

    def mail(piece: str) -> None:
        facts = {"id": _id(piece), "at": _now()}
        _commit(engine, (MAIL,), facts)
        client.sendmail("sales@seller.test", ["maria@buyer.test"], text)
        _commit(engine, (MAILED,), facts)

    return mail


def _engine(app: Flask) -> Engine:
    with app.app_context():
        return db.engine.execution_options(**{WRITE: True})


def _id(piece: str) -> str:
    return f"{os.getpid()}-{piece}"


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _commit(engine: Engine, statements: Sequence[Any], facts: dict[str, Any]) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement, facts)
