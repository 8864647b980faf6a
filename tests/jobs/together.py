"""The same call from several threads at once, each with an application context of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from flask import Flask

T = TypeVar("T")


def together(app: Flask, call: Callable[[], T], times: int = 4) -> list[T]:
    """What each call returned; they start at the same moment."""
    start = threading.Barrier(times)

    def one() -> T:
        with app.app_context():
            start.wait()
            return call()

    with ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(times)]]
