"""Structured logs on stderr. Requests are logged by endpoint, never by path: paths carry tokens (invariant 22)."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger("countersign")

# Local variables hold tokens, addresses and keys: a log keeps the places of an error, never its values.
_without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def configure(app: Flask) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_without_locals),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    app.before_request(_start)
    app.after_request(_request_line)


def _start() -> None:
    g.started = time.perf_counter()


def _request_line(response: Response) -> Response:
    if request.endpoint not in ("static", "health.health"):
        spent = time.perf_counter() - g.get("started", time.perf_counter())
        line: dict[str, Any] = {"endpoint": request.endpoint, "method": request.method, "status": response.status_code}
        log.info("request", ms=round(spent * 1000, 1), **line)
    return response
