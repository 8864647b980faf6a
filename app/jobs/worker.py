"""The RQ worker: forks a work horse for each nudge, which does that job and whatever else is due.

The flags make RQ notice a dead sibling within 75 seconds instead of 810; what is stuck is decided by our leases, not
by RQ. https://python-rq.org/docs/workers/
"""

from __future__ import annotations

import gc
import signal
import sys
import time
from typing import Any

import rq
from flask import Flask, current_app
from redis import Redis, RedisError
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty
from sqlalchemy.exc import SQLAlchemyError

from ..db import db
from ..logs import log
from . import execution, queue, registry

# How long a work horse goes on with other due jobs before the next one is forked.
DRAIN_SECONDS = 20

_app: Flask | None = None


class Worker(rq.Worker):
    """Remembers whether it was told to stop: RQ's own also returns when it has lost Redis."""

    max_connection_wait_time = 4.0
    told_to_stop = False

    def handle_warm_shutdown_request(self) -> None:
        self.told_to_stop = True


def perform(job_id: int) -> None:
    """RQ's job. Everything about it stands in the row; what goes wrong here is done again after the lease."""
    app = _app or _create_app()
    with app.app_context():
        try:
            execution.run(job_id, limit=_limit)
            execution.run_due(seconds=DRAIN_SECONDS, limit=_limit)
        except SQLAlchemyError as error:
            log.error("worker.trouble", error=type(error).__name__, note="the sweeper will have it done again")


def _create_app() -> Flask:
    from .. import create_app

    return create_app()


def _limit(seconds: float) -> Any:
    return UnixSignalDeathPenalty(int(seconds), JobTimeoutException)


def work(*, burst: bool = False) -> None:
    """Serve the queue until told to stop (SIGTERM finishes the job in hand), through every absence of Redis."""
    global _app
    _app = current_app._get_current_object()  # type: ignore[attr-defined]
    registry.load()
    # Loaded once here, so that no work horse spends half a second on it. Only loaded: Pango looks for fonts in threads
    # of its own, which do not come along when a horse is forked, and it would wait for them for good.
    import weasyprint  # noqa: F401

    gc.freeze()  # as in wsgi.py: horses neither look through what is there, nor copy it by doing so
    db.engine.dispose()  # horses must not share a connection with us or with each other
    while True:
        for number in (signal.SIGTERM, signal.SIGINT):  # until RQ sets its own, and again once it has lost Redis
            signal.signal(number, lambda *_: sys.exit())
        worker = _worker(_patient_connection(_app.config["REDIS_URL"]))
        log.info("worker.ready")
        try:
            worker.work(burst=burst, logging_level="ERROR")
        except (RedisError, OSError) as error:
            log.warning("worker.lost_redis", error=type(error).__name__)
        if burst or worker.told_to_stop:
            return
        time.sleep(1)


def _worker(connection: Redis) -> Worker:
    return Worker(
        [rq.Queue(queue.NAME, connection=connection, serializer=JSONSerializer)],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=30,
        maintenance_interval=15,
        job_monitoring_interval=5,
        log_job_description=False,
    )


def _patient_connection(url: str) -> Redis:
    """A connection to a Redis that answers, however long it takes to come up."""
    connection = Redis.from_url(url)
    waited = False
    while True:
        try:
            connection.ping()
            return connection
        except (RedisError, OSError) as error:
            if not waited:
                log.warning("worker.waiting_for_redis", error=type(error).__name__)
            waited = True
            time.sleep(1)
