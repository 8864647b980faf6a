"""Addresses of static files that change when the file does, so that browsers may keep them for good."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, url_for

STATIC = Path(__file__).parent / "static"


@cache
def _fingerprint(name: str, changed: int) -> str:  # noqa: ARG001  (a newer file is another cache entry)
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def asset(name: str) -> str:
    """`/static/css/base.css?v=…`. Raises FileNotFoundError for a file that is not there."""
    changed = (STATIC / name).stat().st_mtime_ns
    return url_for("static", filename=name, v=_fingerprint(name, changed))


def register(app: Flask) -> None:
    app.jinja_env.globals["asset"] = asset
