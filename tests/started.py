"""A forked process, made as if it had been started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from app.config import ROOT


def as_started(log: Path, environ: Mapping[str, str]) -> None:
    """In the top folder, with this environment and no other, printing to `log`."""
    os.chdir(ROOT)
    with log.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(environ)
