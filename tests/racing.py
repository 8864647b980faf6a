"""Several calls started at the same moment, each in a thread with an application context of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from flask import Flask

from app.errors import Refusal


def race(app: Flask, calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each call returned, or the exception it raised, in the order of `calls`."""
    start = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        with app.app_context():
            start.wait()
            try:
                results[index] = call()
            except Exception as error:
                results[index] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def refused(results: Sequence[Any]) -> list[str]:
    """The codes of the refusals among them."""
    return sorted(r.code for r in results if isinstance(r, Refusal))


def meet(others: threading.Barrier) -> None:
    """Goes on when the others are here too, or when they will not come any more."""
    with suppress(threading.BrokenBarrierError):
        others.wait(2)
