"""Mail servers with bad manners, each on a free port; for the well-behaved one see tests/engines.py."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.engines import find_program, free_port


class Awkward:
    """Turns down the recipients in `refusals` with the answer given there; hangs up `during_data` or after it."""

    def __init__(self, refusals: dict[str, str] | None = None, hangs_up: str = "") -> None:
        self.refusals = refusals or {}
        self.hangs_up = hangs_up
        self.taken: list[Envelope] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope)
        if self.hangs_up == "after data":
            assert server.transport is not None
            server.transport.abort()
        return "250 OK"


def only_ann(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any) -> AuthResult:
    right = (login.login, login.password) == (b"ann@seller", b"p@ss word")
    return AuthResult(success=right, handled=right)


@contextmanager
def serving(handler: object, *, port: int = 0, **options: Any) -> Iterator[str]:
    """Yields the server's address, `127.0.0.1:2525`."""
    controller = Controller(handler, hostname="127.0.0.1", port=port or free_port(), **options)
    controller.start()
    try:
        yield f"127.0.0.1:{controller.port}"
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS, and the file that a client must trust for it."""
    key, crt = folder / "key.pem", folder / "crt.pem"
    command = [find_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *names, "-keyout", key, "-out", crt], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    return context, crt
