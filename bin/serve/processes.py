"""The processes a run consists of: started, watched, and stopped together."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, NoReturn

START_SECONDS = 60
STOP_SECONDS = 5
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


class Stop(Exception):
    """Ends the run; its text is the one sentence that the person at the terminal reads."""


def last_words(output: str) -> str:
    """Returns the line that says why a program ended: the last one, or of a traceback the exception."""
    lines = [line for line in output.splitlines() if line.strip()] or ["it said nothing"]
    frames = [number for number, line in enumerate(lines) if line.startswith("  File ")]
    if frames:
        lines = [line for line in lines[frames[-1] :] if not line.startswith(" ")][:1] or lines
    return re.sub(r"^app\.\S+: ", "", lines[-1].strip())


def die_with_parent() -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child(NamedTuple):
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raises Stop when the process has ended."""
        code = self.process.poll()
        if code is not None:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            words = last_words(self.log.read_text(errors="replace"))
            raise Stop(f"the {self.name} {how}, so everything else was stopped; last line of {self.log}: {words}")

    def stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):  # a second TERM makes RQ drop its job
            self._signal_group(number)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            break
        self._signal_group(signal.SIGKILL)  # what it left behind

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Children:
    """Starts processes in groups of their own, so that Ctrl-C reaches only us, and stops the last started first."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._children: list[Child] = []

    def __enter__(self) -> "Children":
        self._log_folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for child in reversed(self._children):
            child.stop()

    def start(self, name: str, *command: str) -> None:
        path = self._log_folder / f"{name.replace(' ', '-')}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=die_with_parent,
            )
        self._children.append(Child(name, process, path))

    def check(self) -> None:
        """Raises Stop when one of them has ended."""
        for child in self._children:
            child.check()

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Raises Stop when a process ends before `ready`, or START_SECONDS pass."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise Stop(f"{what} did not answer within {START_SECONDS} s; see {self._log_folder}")
            time.sleep(0.02)

    def watch(self) -> NoReturn:
        """Raises Stop when one of them ends."""
        while True:
            self.check()
            time.sleep(0.2)
