"""bin/bench at its quickest: the baselines render what the product renders, and the table comes out."""

from __future__ import annotations

import subprocess
import sys

from tests.engines import ROOT


def test_the_table_comes_out() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.bench", "--quick"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = ("Staff order page", "Customer approval page", "Payment panel", "Lines panel", "Memory of a web worker")
    for row in (
        *pages,
        "Charge of a saved card",
        "Webhook taken in",
        "Mail handed to a server",
        "Unchanged, from the cache",
    ):
        assert row in done.stdout
