"""What goes through in a second: charges, events and mails, beside bare probes of the same commits."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles
from typing import Any

from sqlalchemy import select

from app.commands.agreements import charging
from app.db import db
from app.models import OrderEmail, PostProcessing
from tests.bench import crew, mail, money, recurring
from tests.bench.crew import WARM
from tests.bench.mail import ROUND

_context = get_context("forkserver")
_context.set_forkserver_preload(["tests.bench.warm"])
CHECKOUTS = 40
OVERHEAD = WARM + 1  # what a process does before the watch is started
MOST_MILLISECONDS = 20.0  # of a webhook, at the 95th percentile
AIMS = {
    "charge": {"sqlite": 350, "postgresql": 320},
    "event": {"sqlite": 600, "postgresql": 800},
    "mail": {"sqlite": 200, "postgresql": 200},
    "run": {"sqlite": 350, "postgresql": 320},
    "far run": {"sqlite": 180, "postgresql": 180},
}
NAMES = {
    "charge": "Charge of a saved card",
    "event": "Webhook taken in",
    "mail": "Mail handed to a server",
    "run": "Recurring run",
    "far run": "Run, gateway 300 ms",
}
# How many of its kind a piece stands for: mails leave many at once.
EACH = {"mail": ROUND}
BATCH = charging.BATCH
FAR = BATCH  # in flight at a gateway that takes 300 ms
MOST_SLOWER = 1.5  # a checkout beside it, at the 95th percentile
SIZES = {"run": BATCH, "far run": FAR}


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
def at_work(settings: Mapping[str, str], kind: str, pieces: Sequence[Any], log: Path) -> Iterator[Connection]:
    """The line to a process that has warmed up on the first of its pieces and waits for the word."""
    ours, theirs = _context.Pipe()
    process = _context.Process(target=crew.live, args=(os.environ | settings, log, theirs, kind, pieces))
    process.start()
    theirs.close()
    try:
        _hear(ours, log)
        yield ours
    finally:
        process.kill()
        process.join()


def _hear(line: Connection, log: Path) -> Any:
    """Raises RuntimeError where the process has ended."""
    try:
        return line.recv()
    except EOFError:
        raise RuntimeError(f"a process of the bench ended early:\n{log.read_text()[-3000:]}") from None


def _together(settings: Mapping[str, str], kind: str, shares: Sequence[Sequence[Any]], log: Path) -> tuple[float, Any]:
    """All processes start at once on their shares; pieces a second, and what each process answered."""
    return _side_by_side(settings, [(kind, share) for share in shares], log)


def _side_by_side(
    settings: Mapping[str, str], shares: Sequence[tuple[str, Sequence[Any]]], log: Path
) -> tuple[float, Any]:
    with ExitStack() as stack:
        lines = [stack.enter_context(at_work(settings, kind, share, log)) for kind, share in shares]
        began = time.perf_counter()
        for line in lines:
            line.send("go")
        answers = [_hear(line, log) for line in lines]
        took = time.perf_counter() - began
    return sum(len(answer["took"]) for answer in answers) / took, answers


def measure(settings: Mapping[str, str], folder: Path, *, count: int, workers: int) -> list[Flow]:
    """`count` charges and events for each of `workers`. Inside an application context on the same database."""
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
    return Flow(kind, rate * each, bare, AIMS[kind][engine], cpu, *counts, _slow(took))


def _slow(took: Sequence[float]) -> float:
    """The 95th percentile; where there is only one, that."""
    return quantiles(took, n=20)[-1] if len(took) > 1 else took[0]


def measure_runs(settings: Mapping[str, str], folder: Path, *, batches: int, workers: int) -> tuple[list[Flow], str]:
    """So many batches of each worker, by a gateway at hand and by one far away; and what a checkout beside the latter
    takes. Inside an application context on the same database."""
    engine, log, each = db.engine.dialect.name, folder / "crew.log", batches + OVERHEAD
    recurring.seed(workers * each * (BATCH + FAR) + each * FAR)
    pieces = money.due(2 * (CHECKOUTS + OVERHEAD))
    db.session.remove()
    names = [str(n) for n in range(100 + OVERHEAD)]
    bare, _ = _together(settings, "charge probe", [names] * workers, log)
    flows = [_run(settings, kind, [[size] * each] * workers, bare, log, engine) for kind, size in SIZES.items()]
    _, alone = _together(settings, "charge", [pieces[::2]], log)
    _, beside = _side_by_side(settings, [("charge", pieces[1::2]), ("far run", [FAR] * each)], log)
    refuse_failures()
    before, after = (quantiles(found[0]["took"], n=20)[-1] for found in (alone, beside))
    return flows, (
        f"A checkout beside a run at 300 ms: p95 {after * 1000:.0f} ms, alone {before * 1000:.0f} ms: "
        f"{after / before:.1f} times (≤ {MOST_SLOWER})"
    )


def _run(settings: Mapping[str, str], kind: str, shares: list[list[int]], bare: float, log: Path, engine: str) -> Flow:
    rate, answers = _together(settings, kind, shares, log)
    took = [seconds for answer in answers for seconds in answer["took"]]
    size, cpu = shares[0][0], sum(answer["cpu"] for answer in answers) / len(shares)
    counts = -(-answers[0]["statements"] // size), answers[0]["commits"]
    return Flow(kind, rate * size, bare, AIMS[kind][engine], cpu / size, *counts, _slow(took))


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
