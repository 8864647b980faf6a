"""A settlement exception: a line of a payout that does not fit our books, or money of ours that no payout has."""

from enum import StrEnum


class ExceptionStatus(StrEnum):
    OPEN = "open"
    CLEARED = "cleared"
    ACCEPTED = "accepted"


class ExceptionEvent(StrEnum):
    """CLEAR: the books fit by now. ACCEPT: a person takes the difference as it is, and says why."""

    CLEAR = "clear"
    ACCEPT = "accept"
    REOPEN = "reopen"


S, E = ExceptionStatus, ExceptionEvent

EDGES: dict[tuple[ExceptionStatus, ExceptionEvent], ExceptionStatus] = {
    (S.OPEN, E.CLEAR): S.CLEARED,
    (S.OPEN, E.ACCEPT): S.ACCEPTED,
    (S.ACCEPTED, E.REOPEN): S.OPEN,
    (S.CLEARED, E.REOPEN): S.OPEN,
}
