"""Thousands of lives, and hundreds of processes really killed in them: `bin/test --long`.

    python -m tests.faults.endurance [--seeds 0:10000] [--kills 500] [--processes 2]

Seeds are independent of each other, so a run can be divided, or taken up where it ended. What is found is printed with
its seed and its steps; COUNTERSIGN_SEEDS=4711:4712 lives that one again in tests/faults/test_simulator.py.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import make_app, upgrade
from tests.faults import lives
from tests.faults.verbs import DEADLY, WEIGHTS
from tests.faults.world import Finding, World, living

SAY_EVERY = 15
_open = ExitStack()
_world: list[World] = []


@dataclass
class Count:
    lives: int = 0
    steps: int = 0
    kills: int = 0
    findings: int = 0

    def __str__(self) -> str:
        return f"{self.lives} lives, {self.steps} steps, {self.kills} processes killed, {self.findings} findings"


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def move_in(template: Path, folder: Path) -> None:
    """Each process has a world of its own."""
    _world.append(_open.enter_context(living(template, folder / str(os.getpid()))))


def one(seed: int, deadly: bool) -> tuple[int, int, str]:
    """Steps, kills and what was found."""
    world, finding = _world[0], ""
    try:
        lives.live(world, seed, verbs=DEADLY if deadly else WEIGHTS)
    except Finding as found:
        finding = str(found)
    return len(world.steps), world.kills, finding


def deadly(seed: int) -> tuple[int, int, str]:
    return one(seed, True)


def gentle(seed: int) -> tuple[int, int, str]:
    return one(seed, False)


def gather(count: Count, results: Iterable[tuple[int, int, str]], until_kills: int | None = None) -> None:
    said = time.monotonic()
    for steps, kills, finding in results:
        count.lives, count.steps, count.kills = count.lives + 1, count.steps + steps, count.kills + kills
        if finding:
            count.findings += 1
            say(finding)
        if time.monotonic() > said + SAY_EVERY:
            said = time.monotonic()
            say(f"… {count}")
        if until_kills is not None and count.kills >= until_kills:
            return


def main() -> int:
    parser = argparse.ArgumentParser(description="Lives many lives and kills many processes.")
    parser.add_argument("--seeds", default="0:10000", help="from:to, without the last")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    first, last = map(int, given.seeds.split(":"))
    count, began = Count(), time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder = Path(name)
        template = folder / "template.sqlite3"
        upgrade(make_app(f"sqlite:///{template}", folder))
        with ProcessPoolExecutor(given.processes, initializer=move_in, initargs=(template, folder)) as pool:
            wave = 10 * given.processes
            for start in range(first, first + 100_000, wave):
                if count.kills >= given.kills:
                    break
                gather(count, pool.map(deadly, range(start, start + wave)), given.kills)
            gather(count, pool.map(gentle, range(first, last)))
    say(f"Seeds {first} to {last - 1}: {count}, {time.monotonic() - began:.0f} s on {given.processes} processes")
    return 1 if count.findings else 0


if __name__ == "__main__":
    sys.exit(main())
