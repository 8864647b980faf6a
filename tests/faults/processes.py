"""Real workers and clocks in processes of their own, to be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask

from app.db import db
from tests.engines import ROOT
from tests.faults.forks import Fork, flask

PATIENCE = 60
Process = Fork | subprocess.Popen[bytes]


@dataclass
class Processes:
    """Processes of the product on the database of `app`; `settings` are COUNTERSIGN_… variables without the prefix."""

    app: Flask
    folder: Path
    settings: dict[str, str]
    running: list[Process] = field(default_factory=list)

    def start(self, *command: str, failpoint: str = "") -> Process:
        """`flask <command>`; dies by SIGKILL where it reaches `failpoint`."""
        log = self.folder / f"{command[0]}.log"
        process = Fork(log, self.environ(FAILPOINT=failpoint), flask, *command)
        self.running.append(process)
        return process

    def launch(self, name: str, *module: str) -> Process:
        """A Python module with its arguments, logging to `name`. Leads a session, so that it ends whole."""
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", *module]
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environ(), stdout=log, stderr=log, start_new_session=True
            )
        self.running.append(process)
        return process

    def environ(self, **changes: str) -> dict[str, str]:
        config = self.app.config
        known = {
            "ENV": "test",
            "DATABASE_URL": config["SQLALCHEMY_DATABASE_URI"],
            "INSTANCE": str(self.folder),
            "SECRET_KEY": config["SECRET_KEY"],
            "BASE_URL": config["BASE_URL"],
            "REDIS_URL": config["REDIS_URL"],
            "MAIL_TRANSPORT": config["MAIL_TRANSPORT"],
            "SMTP_URL": config["SMTP_URL"],
        }
        return os.environ | {f"COUNTERSIGN_{name}": value for name, value in (known | self.settings | changes).items()}

    def log(self, command: str) -> str:
        path = self.folder / f"{command}.log"
        return path.read_text() if path.exists() else ""

    def kill(self, process: Process) -> None:
        """SIGKILL to it and to its children; RQ's work horses lead groups of their own, so each group is sought."""
        for group in {process.pid, *_groups_below(process.pid)}:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()

    def end(self) -> None:
        for process in self.running:
            self.kill(process)


def _groups_below(pid: int) -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent, group = stat.read_text().rpartition(")")[2].split()[1:3]
        except OSError:
            continue
        if int(parent) == pid:
            found |= {int(group), *_groups_below(int(stat.parent.name))}
    return found


def until(true: Callable[[], object], what: str = "it") -> None:
    """Wait for something in the database or a log; each look is a read of its own."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        db.session.rollback()
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {PATIENCE} s")
        time.sleep(0.05)
    db.session.rollback()
