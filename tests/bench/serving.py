"""The servers that are measured, and the visitor who keeps them busy."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from tests.engines import ROOT, free_port, wait_until

_visits = itertools.count()


@dataclass
class Server:
    """A running server. CPU and memory are those of its workers, so other load on the machine hardly shows."""

    port: int
    process: subprocess.Popen[bytes]
    connections: list[HTTPConnection] = field(default_factory=list)

    def get(self, path: str, headers: Mapping[str, str]) -> str:
        """The page, over one of the kept connections. Each visit comes from an address of its own, as behind a proxy:
        one address would soon meet the rate limits. Raises RuntimeError for an answer that is not 200."""
        visit = next(_visits)
        connection = self.connections[visit % len(self.connections)]
        client = {"X-Forwarded-For": f"10.{visit >> 16 & 255}.{visit >> 8 & 255}.{visit & 255}"}
        connection.request("GET", path, headers=dict(headers) | client)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        return text

    def cpu(self) -> float:
        """Seconds that the workers have spent computing, in user space and in the kernel."""
        spent = (task for pid in self._workers() for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))
        return sum(int(task.read_text().split()[0]) for task in spent) / 1e9

    def memory(self) -> float:
        """MiB that the largest worker holds."""
        lines = [line for pid in self._workers() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return max(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def _workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for found in children for pid in found.read_text().split()]


@contextmanager
def serving(target: str, settings: Mapping[str, str], log: Path, *, workers: int = 2) -> Iterator[Server]:
    """Granian as in production: `workers` processes of one blocking thread each."""
    port = free_port()
    where = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port))
    how = ("--workers", str(workers), "--blocking-threads", "1", "--workers-kill-timeout", "2")
    with log.open("wb") as file:
        command = [sys.executable, "-m", "granian", *where, *how, target]
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=file, stderr=file)
    server = Server(port, process)
    try:
        wait_until(lambda: HTTPConnection("127.0.0.1", port).connect(), process, OSError)
        server.connections = [HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(2 * workers)]
        yield server
    finally:
        for connection in server.connections:
            connection.close()
        process.terminate()
        process.wait()
