"""Who does which kind of job, and what the clock starts by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any, TypeVar

from ..values import Value

# Every module that registers handlers or ticks.
MODULES: tuple[str, ...] = (
    "app.jobs.housekeeping",
    "app.commands.agreements.charging",
    "app.commands.agreements.ending",
    "app.commands.agreements.pausing",
    "app.commands.dunning.acting",
    "app.commands.dunning.expiring",
    "app.commands.dunning.steps",
    "app.commands.dunning.telling",
    "app.commands.methods.forgetting",
    "app.commands.methods.method_requests",
    "app.commands.methods.method_setups",
    "app.commands.office.escalation_mails",
    "app.commands.office.invariants",
    "app.commands.orders.activation",
    "app.commands.orders.approvals",
    "app.commands.orders.orders",
    "app.commands.payments.authorizations",
    "app.commands.payments.disputes",
    "app.commands.payments.evidence_packs",
    "app.commands.payments.inquiries",
    "app.commands.payments.lowering",
    "app.commands.payments.movement_calls",
    "app.commands.payments.notices",
    "app.commands.payments.payment_links",
    "app.commands.payments.post_processing",
    "app.commands.post.mail_delivery",
    "app.commands.post.papers",
    "app.commands.quotes.quotes",
    "app.commands.receivables.following_up",
    "app.commands.receivables.reminders",
    "app.commands.routing.gateway_health",
    "app.commands.routing.route_migrations",
    "app.commands.routing.sandbox",
    "app.commands.settlement.settlement",
    "app.documents.rendering",
)

BACKOFF = tuple(timedelta(seconds=s) for s in (10, 30, 120, 600, 1800, 3600, 4 * 3600))
LEASE = timedelta(seconds=60)
TICK_LEASE = timedelta(seconds=300)


class Later(Exception):
    """Raised by a handler that cannot work yet through no fault of its own: put off, and not counted as a try."""

    def __init__(self, after: timedelta, because: str) -> None:
        super().__init__(because)
        self.after = after
        self.because = because


class Handler(Value):
    """`lease` bounds one run: past it, another worker may start over. `tries` before the job counts as failed. One that
    takes up to `most` jobs at once is called with the arguments of all, and answers with what became of each."""

    kind: str
    call: Callable[..., Any]
    version: int
    lease: timedelta
    tries: int
    backoff: Sequence[timedelta]
    most: int = 1

    def do(self, arguments: list[dict[str, Any]]) -> Sequence[Later | None]:
        if self.most > 1:
            outcomes: Sequence[Later | None] = self.call(arguments)
            return outcomes
        (only,) = arguments
        self.call(**only)
        return [None]

    def wait(self, tries: int) -> timedelta:
        """How long to rest after the `tries`-th failure."""
        return self.backoff[min(tries, len(self.backoff)) - 1]


class Tick(Value):
    """`inline` ticks run in the clock's own process, whatever becomes of Redis and the workers."""

    name: str
    every: timedelta
    call: Callable[[], Any]
    inline: bool


_handlers: dict[str, Handler] = {}
_ticks: dict[str, Tick] = {}
_loaded = False

F = TypeVar("F", bound=Callable[..., Any])


def handler(
    kind: str,
    *,
    version: int = 1,
    lease: timedelta = LEASE,
    tries: int = 8,
    backoff: Sequence[timedelta] = BACKOFF,
    most: int = 1,
) -> Callable[[F], F]:
    """Register what does jobs of `kind`. Raise `version` when its arguments change: older code then leaves newer jobs
    alone, and the handler still gets what older code has staged."""

    def register(call: F) -> F:
        if kind in _handlers:
            raise ValueError(f"two handlers for {kind}")
        _handlers[kind] = Handler(kind, call, version, lease, tries, backoff, most)
        return call

    return register


def tick(name: str, *, every: timedelta, inline: bool = False, lease: timedelta = TICK_LEASE) -> Callable[[F], F]:
    """Call it every so often, once however many clocks run. Unless `inline`, as a job of the same name; a tick is
    passed over while its last job is unfinished, and is not retried: the next one comes."""

    def register(call: F) -> F:
        handler(name, lease=lease, tries=1)(call)
        _ticks[name] = Tick(name, every, call, inline)
        return call

    return register


def load() -> None:
    """Import every module that registers something."""
    global _loaded
    if not _loaded:
        for name in MODULES:
            import_module(name)
        _loaded = True


def find(kind: str) -> Handler | None:
    if kind not in _handlers:
        load()
    return _handlers.get(kind)


def ticks() -> list[Tick]:
    load()
    return list(_ticks.values())
