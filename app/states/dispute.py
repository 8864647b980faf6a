"""Dispute: a payment that its cardholder contests at the bank."""

from enum import StrEnum


class DisputeStatus(StrEnum):
    """ACCEPTED: we gave in. LOST: the bank decided against us, or nobody answered in time."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    ACCEPTED = "accepted"


class DisputeEvent(StrEnum):
    """ESCALATE: the bank is not content with the answer to its inquiry, and asks again."""

    ANSWER = "answer"
    ESCALATE = "escalate"
    WIN = "win"
    LOSE = "lose"
    ACCEPT = "accept"


S, E = DisputeStatus, DisputeEvent

OPEN = frozenset({S.NEEDS_RESPONSE, S.UNDER_REVIEW})
GONE = frozenset({S.LOST, S.ACCEPTED})

EDGES: dict[tuple[DisputeStatus, DisputeEvent], DisputeStatus] = {
    (S.NEEDS_RESPONSE, E.ANSWER): S.UNDER_REVIEW,
    (S.UNDER_REVIEW, E.ESCALATE): S.NEEDS_RESPONSE,
    **{
        (status, event): end
        for status in OPEN
        for event, end in {E.WIN: S.WON, E.LOSE: S.LOST, E.ACCEPT: S.ACCEPTED}.items()
    },
}
