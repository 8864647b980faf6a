"""Row by row: what the clock does to many rows, one that breaks never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rq.timeouts import JobTimeoutException

from ..db import db
from ..logs import log


def each(what: str, ids: Iterable[int], work: Callable[[int], object], *, broke: Callable[[int], object] = bool) -> int:
    """Call `work` with each id, every call with transactions of its own; returns how many answered with something true.

    One that raises is logged under `what` and rolled back, `broke` is told its id, and the others are still done; the
    next tick comes back to it. Only the end of the job's own time stops everything.
    """
    done = 0
    for id in ids:
        try:
            done += bool(work(id))
        except JobTimeoutException:
            raise
        except Exception as error:
            log.error("sweep.broke", what=what, id=id, exc_info=error)
            db.session.rollback()
            broke(id)
    return done
