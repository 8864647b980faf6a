"""Processes of their own, forked from one that has imported the product already: there at once, and really killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.conftest import make_app
from tests.started import as_started

_context = get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.warm"])


class Fork:
    """Calls something in a process that leads a session, so that it ends whole; what it prints goes to `log`."""

    def __init__(self, log: Path, environ: Mapping[str, str], call: Callable[..., None], *arguments: Any) -> None:
        self._process = _context.Process(target=_live, args=(log, dict(environ), call, arguments))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, or less than zero by the signal that ended it. Raises TimeoutError."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"{self.pid} still runs after {timeout} s")
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _live(log: Path, environ: dict[str, str], call: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    os.setsid()
    as_started(log, environ)
    call(*arguments)


def flask(*command: str) -> None:
    """What `flask <command>` does."""
    from flask.cli import main

    sys.argv = ["flask", "--app", "wsgi", *command]
    main()


def die(app: Flask, failpoint: str, call: Callable[..., None], *arguments: Any) -> None:
    """`call(*arguments)`, on the database of `app`, in a process that ends by SIGKILL where it reaches `failpoint`."""
    folder = Path(app.config["INSTANCE"])
    where = (app.config["SQLALCHEMY_DATABASE_URI"], folder, failpoint)
    log = folder / "died.log"
    if (ended := Fork(log, os.environ, _die, where, call, arguments).wait(60)) != -signal.SIGKILL:
        pytest.fail(f"{failpoint} was not reached, it ended with {ended}: {log.read_text()}")


def _die(where: tuple[str, Path, str], call: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    database, folder, failpoint = where
    with make_app(database, folder, FAILPOINT=failpoint).app_context():
        call(*arguments)
