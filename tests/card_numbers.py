"""Looks for a card number wherever the product keeps or says something."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import redis
from pypdf import PdfReader
from pypdf.errors import PyPdfError
from sqlalchemy import text

from app.db import db

BETWEEN = r"[\s.,/_-]{0,2}"
"""What people and machines write between digits."""


def written(number: str) -> re.Pattern[str]:
    """The number as it may stand in a text, with or without gaps."""
    return re.compile(BETWEEN.join(number))


def in_database(number: str) -> list[str]:
    """The tables of PostgreSQL with a row that says it, in whatever column."""
    tables = db.session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")).all()
    return [table for table in tables if any(_says(row, number) for row in _rows(table))]


def _rows(table: str) -> Iterator[str]:
    for row in db.session.execute(text(f'SELECT * FROM "{table}"')):  # noqa: S608  (a name from the catalogue)
        yield " | ".join(_plain(value) for value in row)


def _plain(value: object) -> str:
    return _text(bytes(value)) if isinstance(value, bytes | memoryview) else str(value)


def in_files(folder: Path, number: str) -> list[str]:
    """The files below `folder`, logs and PDFs among them, that say it."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path.name for path in files if _says(_text(path.read_bytes()), number)]


def in_mails(messages: list[EmailMessage], number: str) -> list[str]:
    """The subjects of mails that say it in a header, a body or an attachment."""
    return [message["Subject"] for message in messages if any(_says(said, number) for said in _said(message))]


def _said(message: EmailMessage) -> Iterator[str]:
    yield str(message.items())
    for part in message.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield _text(payload)


def _text(content: bytes) -> str:
    if content.startswith(b"%PDF-"):
        try:
            return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
        except PyPdfError:
            return content.decode("latin-1")
    return content.decode("utf-8", errors="replace")


def _says(said: str, number: str) -> bool:
    return written(number).search(said) is not None


@contextmanager
def overheard(url: str) -> Iterator[list[str]]:
    """Every command that anybody sends to Redis meanwhile: what a job carries is gone once it is done."""
    heard: list[str] = []
    client = redis.Redis.from_url(url, socket_timeout=None)
    with client.monitor() as monitor:

        def listen() -> None:
            for said in monitor.listen():
                heard.append(said["command"])
                if LAST_WORD in said["command"]:
                    return

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield heard
        finally:
            client.echo(LAST_WORD)
            listener.join(timeout=10)
    client.close()


LAST_WORD = "that-was-all"
