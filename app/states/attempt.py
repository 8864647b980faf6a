"""Attempt: one try to move money. Open states block every other try on the same payment order."""

from enum import StrEnum


class AttemptStatus(StrEnum):
    STARTED = "started"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptEvent(StrEnum):
    """Named after what the gateway said, or after our own hand."""

    SUCCEED = "succeed"
    DECLINE = "decline"
    FAIL = "fail"
    ASK_ACTION = "ask_action"
    WAIT = "wait"
    LOSE_SIGHT = "lose_sight"
    CANCEL = "cancel"


S, E = AttemptStatus, AttemptEvent

OPEN = frozenset({S.STARTED, S.REQUIRES_ACTION, S.PENDING, S.UNKNOWN})

EDGES: dict[tuple[AttemptStatus, AttemptEvent], AttemptStatus] = {
    (status, event): end
    for status in OPEN
    for event, end in {
        E.SUCCEED: S.SUCCEEDED,
        E.DECLINE: S.DECLINED,
        E.FAIL: S.FAILED,
        E.ASK_ACTION: S.REQUIRES_ACTION,
        E.WAIT: S.PENDING,
        E.LOSE_SIGHT: S.UNKNOWN,
        E.CANCEL: S.CANCELLED,
    }.items()
} | {
    # A success that comes to light late is a success; nothing ever takes one back (invariant 13).
    (S.DECLINED, E.SUCCEED): S.SUCCEEDED,
    (S.FAILED, E.SUCCEED): S.SUCCEEDED,
    (S.CANCELLED, E.SUCCEED): S.SUCCEEDED,
}
