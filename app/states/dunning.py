"""Dunning: what is done about a declined period, by the class of its decline, and how such a story ends.

A plan is what a version of a dunning policy says; its steps count their days from the decline that they answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ..values import Value, as_dict
from .declines import DeclineClass


class CaseStatus(StrEnum):
    """Stopped: nothing more is done by itself, and the period is still unpaid. Waived: its bill was credited or
    written off."""

    OPEN = "open"
    RECOVERED = "recovered"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    WAIVED = "waived"


class CaseEvent(StrEnum):
    RECOVER = "recover"
    PAUSE = "pause"
    CANCEL = "cancel"
    STOP = "stop"
    WAIVE = "waive"


S, E = CaseStatus, CaseEvent

EDGES: dict[tuple[CaseStatus, CaseEvent], CaseStatus] = {
    (S.OPEN, E.RECOVER): S.RECOVERED,
    (S.OPEN, E.PAUSE): S.PAUSED,
    (S.OPEN, E.CANCEL): S.CANCELLED,
    (S.OPEN, E.STOP): S.STOPPED,
    (S.OPEN, E.WAIVE): S.WAIVED,
}


class Action(StrEnum):
    """What a step does. Past due stands in no policy's list: it is its own number of days."""

    RETRY = "retry"
    AUTHENTICATE = "authenticate"
    NEW_METHOD = "new_method"
    STOP = "stop"
    PAST_DUE = "past_due"


class Ending(StrEnum):
    """What the last step does to agreement and subscription; leave: they stay past due, and people decide."""

    PAUSE = "pause"
    CANCEL = "cancel"
    LEAVE = "leave"


# The same card is tried again only where waiting can help.
ALLOWED: dict[DeclineClass, tuple[Action, ...]] = {
    DeclineClass.RETRY_LATER: (Action.RETRY, Action.AUTHENTICATE, Action.NEW_METHOD, Action.STOP),
    DeclineClass.AUTHENTICATE: (Action.AUTHENTICATE, Action.NEW_METHOD, Action.STOP),
    DeclineClass.NEW_METHOD: (Action.NEW_METHOD, Action.STOP),
    DeclineClass.STOP: (Action.NEW_METHOD, Action.STOP),
}
RETRIES_WITHOUT_REASON = 2  # of a decline that gives no reason; its further retries ask for another card instead


class PlannedStep(Value):
    """`day` counts from the decline. A retry's mails go out when it is planned, all others' when it is done."""

    day: int
    action: Action
    customer: bool = True
    owner: bool = False


class Plan(Value):
    """`past_due_after`: days from the first decline until the agreement is past due."""

    past_due_after: int
    ending: Ending
    steps: Mapping[DeclineClass, tuple[PlannedStep, ...]]

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": 1,
            "past_due_after": self.past_due_after,
            "ending": str(self.ending),
            "steps": {str(kind): [as_dict(step) for step in steps] for kind, steps in self.steps.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Plan:
        steps = {DeclineClass(kind): tuple(_step(x) for x in rows) for kind, rows in content["steps"].items()}
        return cls(content["past_due_after"], Ending(content["ending"]), steps)


def _step(row: Mapping[str, Any]) -> PlannedStep:
    return PlannedStep(row["day"], Action(row["action"]), row["customer"], row["owner"])


def _steps(action: Action, *days: int) -> list[PlannedStep]:
    """The owner hears of the first one."""
    return [PlannedStep(day, action, owner=n == 0) for n, day in enumerate(days)]


def _last(day: int) -> PlannedStep:
    return PlannedStep(day, Action.STOP, owner=True)


STANDARD = Plan(
    past_due_after=0,
    ending=Ending.PAUSE,
    steps={
        DeclineClass.RETRY_LATER: (*_steps(Action.RETRY, 1, 3, 5, 7), _last(10)),
        DeclineClass.AUTHENTICATE: (*_steps(Action.AUTHENTICATE, 0, 3), _last(7)),
        DeclineClass.NEW_METHOD: (*_steps(Action.NEW_METHOD, 0, 3, 6), _last(10)),
        DeclineClass.STOP: (*_steps(Action.NEW_METHOD, 0, 5), _last(10)),
    },
)
