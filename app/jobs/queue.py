"""RQ's part: a nudge that says "there is work". It may be lost, doubled or late; nothing hangs on it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from flask import current_app
from redis import Redis, RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from ..logs import log

NAME = "countersign"
# Whoever is woken does all that is due, so with so many calls waiting nobody needs another.
ENOUGH = 32
PERFORM = "app.jobs.worker.perform"
# A work horse that hangs longer than this is killed; leases are far shorter.
HORSE_SECONDS = 900


def connect() -> Queue | None:
    """The queue, or None where there is no Redis by choice. Short time-outs: pages wait for this."""
    url = current_app.config["REDIS_URL"]
    if not url:
        return None
    known = current_app.extensions.setdefault("countersign.queue", {})
    if url not in known:
        connection = Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=1)
        known[url] = Queue(NAME, connection=connection, serializer=JSONSerializer)
    return known[url]


def nudge(job_ids: Iterable[int]) -> bool:
    """Tell a worker. Whether it worked does not matter: the sweeper finds what nobody was told of."""
    queue = connect()
    if queue is None:
        return False
    try:
        if len(queue) >= ENOUGH:
            return True
        for job_id in islice(job_ids, ENOUGH):
            queue.enqueue(PERFORM, job_id, job_timeout=HORSE_SECONDS, result_ttl=0, failure_ttl=60)
    except (RedisError, OSError) as error:
        log.warning("jobs.nudge_lost", error=type(error).__name__, note="Redis does not answer; the sweeper follows up")
        return False
    return True


def waiting() -> int:
    """Nudges nobody has taken yet. Raises RedisError."""
    queue = connect()
    return len(queue) if queue is not None else 0
