"""The mails that leave while bin/bench looks at the watch, and the server that takes them: a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app.commands.post import mails
from app.db import db, transaction
from app.models import PaymentIntent
from tests.engines import ROOT, free_port
from tests.mail import post

# So many leave over one line, as when a worker finds them waiting.
ROUND = 25

SERVER = """
import sys, threading
from aiosmtpd.controller import Controller

class Taking:
    async def handle_DATA(self, server, session, envelope):
        return "250 taken"

Controller(Taking(), hostname="127.0.0.1", port=int(sys.argv[1])).start()
print("ready", flush=True)
threading.Event().wait()
"""


@contextmanager
def server() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def rounds(count: int) -> list[list[int]]:
    """So many rounds of payment links, queued."""
    intent = post.intent()
    ids = [_staged(intent.id, str(n)) for n in range(count * ROUND)]
    return [ids[n : n + ROUND] for n in range(0, len(ids), ROUND)]


def _staged(intent_id: int, again: str) -> int:
    with transaction() as session:
        intent = session.get_one(PaymentIntent, intent_id)
        order = intent.payment_order.order
        assert order is not None
        email_id = mails.payment_link(intent, again=again, by=order.owner).id
    db.session.expunge_all()
    return email_id
