"""bin/bench: what pages cost in production settings, beside the same templates rendered from memory; and how much money
moves in a second, beside bare probes of the same commits."""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from flask import Flask

from app.db import db
from tests.bench import baseline, papers, probe, throughput
from tests.bench import soak as endurance
from tests.bench.pages import Page, prepare
from tests.bench.serving import Server, serving
from tests.conftest import make_app
from tests.engines import migrate, running_postgres, running_redis
from tests.statements import counted

SECRET_KEY = "bench-key-bench-key-bench-key-bench-key"
MOST_MEMORY = 110
ONE_TIME = re.compile(r'nonce="[^"]*"|name="(?:csrf_token|form_key)" value="[^"]*"|<time .*?</time>')


@dataclass(frozen=True)
class Row:
    """CPU in seconds a request; `share` is the page's throughput as a part of its baseline's."""

    page: Page
    statements: int
    cpu: float
    baseline: float
    share: float


@contextmanager
def database(postgres: bool, folder: Path) -> Iterator[str]:
    """The address of a migrated, empty database."""
    if postgres:
        with running_postgres(durable=True) as server:
            server.execute("CREATE DATABASE bench")
            migrate(server.url("bench"), folder)
            yield server.url("bench")
    else:
        url = f"sqlite:///{folder / 'bench.sqlite3'}"
        migrate(url, folder)
        yield url


def production(database_url: str, redis_url: str, folder: Path) -> dict[str, str]:
    settings = {
        "ENV": "production",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": SECRET_KEY,
        "INSTANCE": str(folder),
        "BASE_URL": "http://localhost",
        "SMTP_URL": "smtp://127.0.0.1:1",  # nothing is mailed
        "SANDBOX": "yes-take-no-real-money",
        "PROXIES": "1",
    }
    return {f"COUNTERSIGN_{name}": value for name, value in settings.items()}


def statements(app: Flask, page: Page) -> int:
    client = app.test_client(use_cookies=False)
    client.get(page.path, headers=page.headers)
    with counted() as seen:
        client.get(page.path, headers=page.headers)
    return len(seen)


def check_same(product: Server, bare: Server, pages: list[Page]) -> None:
    """Raises RuntimeError where the baseline does not render the very text that the product answers with."""
    for number, page in enumerate(pages):
        texts = {
            ONE_TIME.sub("", product.get(page.path, page.headers)),
            ONE_TIME.sub("", bare.get(baseline.path(number), page.headers)),
        }
        if len(texts) > 1:
            raise RuntimeError(f"{page.name}: the baseline renders another text")


def cost(server: Server, path: str, page: Page, requests: int) -> float:
    """Seconds of CPU a request."""
    before = server.cpu()
    for _ in range(requests):
        server.get(path, page.headers)
    return (server.cpu() - before) / requests


def measure(product: Server, bare: Server, number: int, page: Page, rounds: int, requests: int) -> tuple[float, ...]:
    """Page and baseline take turns, so that what else the machine does meets both; the median round counts."""
    own, base = [], []
    for turn in range(rounds + 1):
        ours, theirs = cost(product, page.path, page, requests), cost(bare, baseline.path(number), page, requests)
        if turn:  # the first one warms up
            own.append(ours)
            base.append(theirs)
    shares = [theirs / ours for ours, theirs in zip(own, base, strict=True)]
    return median(own), median(base), median(shares)


def table(rows: list[Row], memory: float) -> str:
    lines = [f"{'':24}{'statements':>16}{'CPU':>10}{'from memory':>14}{'share':>8}{'aim':>8}"]
    for row in rows:
        asked = f"{row.statements} (≤ {row.page.statements})"
        spent = f"{row.cpu * 1000:7.2f} ms{row.baseline * 1000:11.2f} ms"
        lines.append(f"{row.page.name:24}{asked:>16}{spent}{row.share:8.0%}{row.page.share:8.0%}")
    return "\n".join([*lines, f"{'Memory of a web worker':24}{memory:12.0f} MiB (≤ {MOST_MEMORY})"])


@dataclass(frozen=True)
class Effort:
    """How thoroughly is measured: rounds of so many requests of each page, and charges and events of each process."""

    rounds: int = 7
    requests: int = 60
    pieces: int = 100
    workers: int = 2
    batches: int = 16


QUICK = Effort(1, 3, 2, 1, 1)
PAGES, PAPERS, MONEY, RUNS = "pages", "papers", "money", "runs"


def soak(postgres: bool, due: int, kill_every: float) -> str:
    with (
        tempfile.TemporaryDirectory(prefix="countersign-soak-") as name,
        database(postgres, folder := Path(name)) as url,
        running_redis() as redis_url,
    ):
        settings = production(url, redis_url, folder) | {"COUNTERSIGN_ENV": "test"}
        with make_app(url, folder, SECRET_KEY=SECRET_KEY, BASE_URL="http://localhost").app_context():
            return str(endurance.soak(settings, folder, due=due, kill_every=kill_every))


def run(postgres: bool, effort: Effort, wanted: Collection[str]) -> str:
    with (
        tempfile.TemporaryDirectory(prefix="countersign-bench-") as name,
        database(postgres, folder := Path(name)) as url,
        running_redis() as redis_url,
    ):
        settings = production(url, redis_url, folder)
        app = make_app(url, folder, SECRET_KEY=SECRET_KEY, BASE_URL="http://localhost")
        with app.app_context():
            probe.make_tables(db.engine)
        done = []
        if PAGES in wanted:
            done.append(of_pages(app, settings, folder, effort))
        if PAPERS in wanted:
            with app.app_context():
                done.append(papers.table(papers.measure(effort.rounds)))
        if MONEY in wanted:
            done.append(of_money(app, settings, folder, effort))
        if RUNS in wanted:
            done.append(of_runs(app, settings, folder, effort))
        return "\n\n".join(done)


def of_pages(app: Flask, settings: dict[str, str], folder: Path, effort: Effort) -> str:
    rounds, requests, workers = effort.rounds, effort.requests, effort.workers
    with app.app_context():
        pages = list(prepare())
        asked = [statements(app, page) for page in pages]
    kept = {"BENCH_PAGES": json.dumps([asdict(page) for page in pages])}
    with (
        serving("wsgi:app", settings, folder / "product.log", workers=workers) as product,
        serving("tests.bench.baseline:app", settings | kept, folder / "baseline.log", workers=workers) as bare,
    ):
        check_same(product, bare, pages)
        rows = [Row(page, asked[n], *measure(product, bare, n, page, rounds, requests)) for n, page in enumerate(pages)]
        return table(rows, product.memory())


def of_money(app: Flask, settings: dict[str, str], folder: Path, effort: Effort) -> str:
    invented = settings | {"COUNTERSIGN_ENV": "test"}  # in production, nothing is mailed to invented addresses
    with app.app_context():
        flows = throughput.measure(invented, folder, count=effort.pieces, workers=effort.workers)
    return throughput.table(flows)


def of_runs(app: Flask, settings: dict[str, str], folder: Path, effort: Effort) -> str:
    invented = settings | {"COUNTERSIGN_ENV": "test"}
    with app.app_context():
        flows, checkout = throughput.measure_runs(invented, folder, batches=effort.batches, workers=effort.workers)
    many = f"The run and its probe by {effort.workers} processes at once, as where so many workers take it up."
    return f"{throughput.table(flows)}\n{many}\n{checkout}"


def main() -> None:
    parser = argparse.ArgumentParser("bin/bench", description=__doc__)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    parser.add_argument("--quick", action="store_true", help="a few of pages, papers and money, to see that it works")
    parser.add_argument("--only", choices=(PAGES, PAPERS, MONEY, RUNS), help="one of the tables")
    parser.add_argument("--soak", action="store_true", help="endurance of the recurring run instead, under kills")
    parser.add_argument("--due", type=int, default=100_000, help="agreements due in it")
    parser.add_argument("--kill-every", type=float, default=10, help="seconds between two kills in it")
    arguments = parser.parse_args()
    usual = (PAGES, PAPERS, MONEY) if arguments.quick else (PAGES, PAPERS, MONEY, RUNS)
    wanted = (arguments.only,) if arguments.only else usual
    load = " ".join(f"{average:.1f}" for average in os.getloadavg())
    if arguments.soak:
        print(soak(arguments.postgres, arguments.due, arguments.kill_every))
    else:
        print(run(arguments.postgres, QUICK if arguments.quick else Effort(), wanted))
    print(f"\nThe machine's load before: {load}, on {os.cpu_count()} processors")


main()
