"""Lines to mail servers that wait for the next mail: each is in one mail's hands at a time, and in one process."""

from __future__ import annotations

import os
import smtplib
import time
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

# Seconds without a mail; servers hang up on idle clients after some minutes (RFC 5321, 4.5.3.2.7).
IDLE = 10.0
# Mails on one line: servers count them, too.
MOST_MAILS = 100

Server = TypeVar("Server")


@dataclass(eq=False, slots=True)
class Line:
    client: smtplib.SMTP
    mails: int = 0
    since: float = 0.0
    process: int = field(default_factory=os.getpid)

    def end(self) -> None:
        """Say goodbye; a server that has gone already does not mind."""
        with suppress(OSError, smtplib.SMTPException):
            self.client.quit()
        self.client.close()


class Kept(Generic[Server]):
    """By server. What a forked process inherits is its parent's, and is left alone there."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: dict[Server, list[Line]] = {}

    def take(self, server: Server) -> Line | None:
        """The one used last, unless it has rested too long."""
        while (line := self._pop(server)) is not None:
            if time.monotonic() - line.since < IDLE:
                return line
            line.end()
        return None

    def _pop(self, server: Server) -> Line | None:
        with self._lock:
            ours = [line for line in self._idle.get(server, ()) if line.process == os.getpid()]
            self._idle[server] = ours[:-1]
            return ours[-1] if ours else None

    def give_back(self, server: Server, line: Line) -> None:
        line.mails += 1
        line.since = time.monotonic()
        if line.mails >= MOST_MAILS:
            line.end()
            return
        with self._lock:
            self._idle.setdefault(server, []).append(line)

    def end_all(self) -> None:
        with self._lock:
            ended = [line for lines in self._idle.values() for line in lines if line.process == os.getpid()]
            self._idle.clear()
        for line in ended:
            line.end()
