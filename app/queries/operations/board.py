"""The board: how much waits in each queue, and the first rows of those that have any; or one queue, page by page.

One statement counts all queues; one more for each queue that has rows, and one for the gateways.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import url_for
from flask_babel import gettext
from sqlalchemy import ColumnElement, func, literal, select, union_all

from ...db import read_columns
from ...errors import NotFound
from ...language import marked
from ...models import (
    Attempt,
    Gateway,
    Movement,
    NoticeWork,
    OrderEmail,
    PaymentAgreement,
    PostProcessing,
    SettlementException,
)
from ...values import Value
from ..agreements import untaken
from . import money, recurring, world
from .views import FIRST, PAGE, Keys, Slice, Waiting

GATEWAYS = "gateways"


class Spec(Value):
    name: str
    meaning: str
    model: Any
    condition: Callable[[], ColumnElement[bool]]
    rows: Callable[[Keys], tuple[Slice, tuple[Waiting, ...]]] | None = None


SPECS: dict[str, Spec] = {
    "charges": Spec(
        marked("Charges to confirm"),
        marked("Nobody knows yet whether the money moved. They are asked about by themselves, never charged again."),
        Attempt,
        money.charges,
        money.charge_rows,
    ),
    "reversals": Spec(
        marked("Captures, voids and refunds to confirm"),
        marked("Sent to the gateway, and the outcome is not known yet."),
        Movement,
        money.movements,
        money.movement_rows,
    ),
    "recurring": Spec(
        marked("Recurring payments not asked for"),
        marked(
            "Due for more than an hour, and not collected. They are asked for by themselves once nothing is in the way."
        ),
        PaymentAgreement,
        untaken.waiting,
        recurring.rows,
    ),
    "post-processing": Spec(
        marked("Steps that failed after a payment"),
        marked("The money is recorded; what should have followed is not done. It is tried again by itself."),
        PostProcessing,
        money.steps,
        money.step_rows,
    ),
    "link-mails": Spec(
        marked("Links that did not arrive"),
        marked("The customer waits for a link whose mail failed, and nobody has sent it since."),
        OrderEmail,
        world.mails,
        world.mail_rows,
    ),
    "events": Spec(
        marked("Events nobody could use"),
        marked("The processor told us something that is about nothing of ours, about other money, or that broke."),
        NoticeWork,
        world.events,
        world.event_rows,
    ),
    "settlement-exceptions": Spec(
        marked("Settlement exceptions"),
        marked("Where payouts and our books differ."),
        SettlementException,
        world.exceptions,
        world.exception_rows,
    ),
    GATEWAYS: Spec(
        marked("Gateways that do not answer"), marked("Nothing new is sent there."), Gateway, world.gateways
    ),
}


class Tally(Value):
    key: str
    name: str
    count: int
    url: str


class Queue(Value):
    """`all_url` leads to the rest of it, where there is more than is shown."""

    key: str
    name: str
    meaning: str
    count: int
    rows: tuple[Waiting, ...]
    all_url: str | None = None
    previous: str | None = None
    next: str | None = None


class Board(Value):
    """`url` is where the board asks for itself again; `args` go with every action, so that it answers with the same."""

    url: str
    args: dict[str, Any]
    tallies: tuple[Tally, ...]
    queues: tuple[Queue, ...]
    gateways: tuple[world.Health, ...]

    @property
    def waiting(self) -> int:
        return sum(tally.count for tally in self.tallies)


def view() -> Board:
    """The first rows of every queue that has any."""
    counts = _counts()
    queues = tuple(_first(key, counts[key]) for key in SPECS if counts[key] and SPECS[key].rows)
    return Board(url_for("operations.payments"), {}, _tallies(counts), queues, world.health())


def one(key: str, *, before: int | None = None, after: int | None = None) -> Board:
    """One queue in whole. Raises NotFound."""
    spec = SPECS.get(key)
    if spec is None or spec.rows is None:
        raise NotFound(f"queue {key}")
    counts, keys = _counts(), Keys(PAGE, before, after)
    found, rows = spec.rows(keys)
    if not rows and counts[key]:  # what this page showed has gone
        found, rows = spec.rows(Keys(PAGE))
    previous = _url(key, before=found.before) if found.before else None
    following = _url(key, after=found.after) if found.after else None
    queue = Queue(key, *_named(spec), counts[key], rows, None, previous, following)
    args = {name: value for name, value in (("queue", key), ("before", before), ("after", after)) if value}
    return Board(_url(key, before=before, after=after), args, _tallies(counts), (queue,), ())


def _first(key: str, count: int) -> Queue:
    rows = SPECS[key].rows
    _slice, found = rows(Keys(FIRST)) if rows else (None, ())
    return Queue(key, *_named(SPECS[key]), count, found, _url(key) if count > len(found) else None)


def _named(spec: Spec) -> tuple[str, str]:
    return gettext(spec.name), gettext(spec.meaning)


def _url(key: str, **keys: int | None) -> str:
    return url_for("operations.queue", queue=key, **{name: key for name, key in keys.items() if key})  # type: ignore[arg-type]


def _counts() -> dict[str, int]:
    parts = [
        select(literal(key).label("queue"), func.count(spec.model.id).label("number")).where(spec.condition())
        for key, spec in SPECS.items()
    ]
    return {row.queue: row.number for row in read_columns(union_all(*parts))}


def _tallies(counts: dict[str, int]) -> tuple[Tally, ...]:
    here = url_for("operations.payments")
    return tuple(Tally(key, gettext(spec.name), counts[key], f"{here}#queue-{key}") for key, spec in SPECS.items())
