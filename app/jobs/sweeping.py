"""Row by row: what the clock does to many rows, one that breaks never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rq.timeouts import JobTimeoutException

from ..db import db
from ..logs import log

# So many rows a transaction: what it holds keeps a checkout waiting, on SQLite the right to write, on PostgreSQL the
# series that numbers are taken from.
AT_ONCE = {"sqlite": 8, "postgresql": 16}


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


def together(
    what: str,
    ids: Sequence[int],
    work: Callable[[Sequence[int]], int],
    alone: Callable[[int], object],
    *,
    many: Mapping[str, int] = AT_ONCE,
) -> int:
    """As `each`, but with several ids at once; where that breaks, with either half of them, down to one `alone`. `work`
    says how many it did, and leaves nothing behind where it raises. `many` is how many at most, by engine."""
    if len(ids) > (at_once := many[db.engine.dialect.name]):
        parts = [ids[n : n + at_once] for n in range(0, len(ids), at_once)]
        return sum(together(what, part, work, alone, many=many) for part in parts)
    if len(ids) < 2:
        return each(what, ids, alone)
    try:
        return work(ids)
    except JobTimeoutException:
        raise
    except Exception as error:
        db.session.rollback()
        log.warning("sweep.halved", what=what, rows=len(ids), because=f"{type(error).__name__}: {error}"[:300])
    middle = len(ids) // 2
    return together(what, ids[:middle], work, alone) + together(what, ids[middle:], work, alone)
