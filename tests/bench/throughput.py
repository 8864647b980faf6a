"""What goes through in a second: charges, events and mails, beside bare probes of the same commits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from sqlalchemy import select

from app.db import db
from app.models import OrderEmail, PostProcessing
from tests.bench import mail, money, probe
from tests.bench.crew import WARM
from tests.bench.mail import ROUND
from tests.engines import ROOT

OVERHEAD = WARM + 1  # what a process does before the watch is started
MOST_MILLISECONDS = 20.0  # of a webhook, at the 95th percentile
AIMS = {
    "charge": {"sqlite": 350, "postgresql": 320},
    "event": {"sqlite": 600, "postgresql": 800},
    "mail": {"sqlite": 200, "postgresql": 200},
}
NAMES = {"charge": "Charge of a saved card", "event": "Webhook taken in", "mail": "Mail handed to a server"}
# How many of its kind a piece stands for: mails leave many at once.
EACH = {"mail": ROUND}


@dataclass(frozen=True)
class Flow:
    """`rate`, and that of the bare probe beside it, a second over all processes; `cpu` and `slow`, the 95th percentile,
    in seconds for one; statements and commits of one."""

    kind: str
    rate: float
    bare: float
    aim: int
    cpu: float
    statements: int
    commits: int
    slow: float


@contextmanager
def crew(settings: Mapping[str, str], kind: str, pieces: Sequence[Any], log: Path) -> Iterator[Any]:
    """A process that has warmed up on the first of its pieces and waits for the word."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.crew"],
            cwd=ROOT,
            env=os.environ | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    try:
        _say(process, json.dumps({"kind": kind, "pieces": pieces}))
        _hear(process, log, "ready")
        yield process
    finally:
        process.kill()
        process.wait()


def _say(process: Any, line: str) -> None:
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _hear(process: Any, log: Path, start: str) -> str:
    """The next line that begins so; what the product itself prints is passed over. Raises RuntimeError at the end."""
    for line in process.stdout:
        if line.startswith(start):
            return str(line)
    raise RuntimeError(f"a process of the bench ended early:\n{log.read_text()[-3000:]}")


def _together(settings: Mapping[str, str], kind: str, shares: Sequence[Sequence[Any]], log: Path) -> tuple[float, Any]:
    """All processes start at once on their shares; pieces a second, and what each process answered."""
    with ExitStack() as stack:
        processes = [stack.enter_context(crew(settings, kind, share, log)) for share in shares]
        began = time.perf_counter()
        for process in processes:
            _say(process, "go")
        answers = [json.loads(_hear(process, log, "{")) for process in processes]
        took = time.perf_counter() - began
    return sum(len(answer["took"]) for answer in answers) / took, answers


def measure(settings: Mapping[str, str], folder: Path, *, count: int, workers: int) -> list[Flow]:
    """`count` charges and events for each of `workers`. Inside an application context on the same database."""
    probe.make_tables(db.engine)
    engine, log, each = db.engine.dialect.name, folder / "crew.log", count + OVERHEAD
    rounds = max(count // 10, 1) + OVERHEAD
    pieces: dict[str, Sequence[Any]] = {
        "charge": money.due(workers * each),
        "event": [f"{n:028d}" for n in range(workers * each)],
        "mail": mail.rounds(workers * rounds),
    }
    db.session.remove()
    with mail.server() as address:
        posted = {**settings, "COUNTERSIGN_MAIL_TRANSPORT": "smtp", "COUNTERSIGN_SMTP_URL": f"smtp://{address}"}
        return [_flow(posted, kind, pieces[kind], engine, log, workers) for kind in pieces]


def _flow(
    settings: Mapping[str, str], kind: str, all_of_it: Sequence[Any], engine: str, log: Path, workers: int
) -> Flow:
    each = EACH.get(kind, 1)
    names = [str(n) for n in range(OVERHEAD + (len(all_of_it) // workers - OVERHEAD) * each)]
    bare, _ = _together(settings, f"{kind} probe", [names] * workers, log)
    rate, answers = _together(settings, kind, [all_of_it[n::workers] for n in range(workers)], log)
    took = [seconds / each for answer in answers for seconds in answer["took"]]
    cpu = sum(answer["cpu"] for answer in answers) / workers / each
    counts = round(answers[0]["statements"] / each), round(answers[0]["commits"] / each)
    refuse_failures()
    return Flow(kind, rate * each, bare, AIMS[kind][engine], cpu, *counts, quantiles(took, n=20)[-1])


def refuse_failures() -> None:
    """Raises RuntimeError where something that should have followed a charge has not."""
    error = db.session.scalars(select(PostProcessing.error).where(PostProcessing.done_at.is_(None))).first()
    error = error or db.session.scalars(select(OrderEmail.last_error).where(OrderEmail.last_error.is_not(None))).first()
    db.session.remove()
    if error is not None:
        raise RuntimeError(f"what should have followed failed: {error}")


def table(flows: Sequence[Flow]) -> str:
    head = (
        f"{'':24}{'a second':>16}{'bare probe':>12}{'share':>8}{'CPU':>11}{'statements':>12}{'commits':>9}{'p95':>12}"
    )
    return "\n".join([head, *map(_line, flows)])


def _line(flow: Flow) -> str:
    return (
        f"{NAMES[flow.kind]:24}{f'{flow.rate:.0f} (≥ {flow.aim})':>16}{flow.bare:12.0f}{flow.rate / flow.bare:8.0%}"
        f"{flow.cpu * 1000:8.2f} ms{flow.statements:12}{flow.commits:9}{flow.slow * 1000:9.1f} ms"
    )
