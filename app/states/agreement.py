"""Payment agreement: the promise to pay what recurs. What is charged, and when, stands in its scheduled payments."""

from datetime import timedelta
from enum import StrEnum

# A term is renewed, or its end told, so long before.
AHEAD = timedelta(days=30)


class AgreementStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    PAST_DUE = "past_due"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class AgreementEvent(StrEnum):
    ACTIVATE = "activate"
    PAUSE = "pause"
    RESUME = "resume"
    FALL_BEHIND = "fall_behind"
    CATCH_UP = "catch_up"
    CANCEL = "cancel"
    COMPLETE = "complete"


S, E = AgreementStatus, AgreementEvent

EDGES: dict[tuple[AgreementStatus, AgreementEvent], AgreementStatus] = {
    (S.DRAFT, E.ACTIVATE): S.ACTIVE,
    (S.ACTIVE, E.PAUSE): S.PAUSED,
    (S.PAST_DUE, E.PAUSE): S.PAUSED,
    (S.PAUSED, E.RESUME): S.ACTIVE,
    (S.ACTIVE, E.FALL_BEHIND): S.PAST_DUE,
    (S.PAST_DUE, E.CATCH_UP): S.ACTIVE,
    (S.DRAFT, E.CANCEL): S.CANCELLED,
    (S.ACTIVE, E.CANCEL): S.CANCELLED,
    (S.PAUSED, E.CANCEL): S.CANCELLED,
    (S.PAST_DUE, E.CANCEL): S.CANCELLED,
    (S.ACTIVE, E.COMPLETE): S.COMPLETED,
}

ENDED = frozenset({S.CANCELLED, S.COMPLETED})
RUNNING = frozenset({S.ACTIVE, S.PAUSED, S.PAST_DUE})
