"""Movement: a capture, void or refund asked of a gateway. Open ones hold back what they would move."""

from enum import StrEnum


class MovementStatus(StrEnum):
    """REQUESTED waits for a second person. RETURNED: a refund that had arrived and came back."""

    REQUESTED = "requested"
    STARTED = "started"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    RETURNED = "returned"


class MovementEvent(StrEnum):
    """APPROVE and REFUSE are people's words, the rest is what the gateway said."""

    APPROVE = "approve"
    REFUSE = "refuse"
    SUCCEED = "succeed"
    FAIL = "fail"
    WAIT = "wait"
    LOSE_SIGHT = "lose_sight"
    RETURN = "return"


S, E = MovementStatus, MovementEvent

ASKED = frozenset({S.STARTED, S.PENDING, S.UNKNOWN})
"""The gateway may have heard of it, and its end is not known."""
OPEN = ASKED | {S.REQUESTED}
HOLDING = OPEN | {S.SUCCEEDED}
"""What counts against what may still be moved."""

EDGES: dict[tuple[MovementStatus, MovementEvent], MovementStatus] = {
    (S.REQUESTED, E.APPROVE): S.STARTED,
    (S.REQUESTED, E.REFUSE): S.REFUSED,
    **{
        (status, event): end
        for status in ASKED
        for event, end in {
            E.SUCCEED: S.SUCCEEDED,
            E.FAIL: S.FAILED,
            E.WAIT: S.PENDING,
            E.LOSE_SIGHT: S.UNKNOWN,
        }.items()
    },
    # A success that comes to light late is a success (invariant 13); the only way back is the bank's own.
    (S.FAILED, E.SUCCEED): S.SUCCEEDED,
    (S.SUCCEEDED, E.RETURN): S.RETURNED,
}
