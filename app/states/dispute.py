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
    """ESCALATE: the bank is not content with the answer to its inquiry, and asks again. APPEAL: its decision is
    contested, by us or by the cardholder, and an answer is wanted once more."""

    ANSWER = "answer"
    ESCALATE = "escalate"
    WIN = "win"
    LOSE = "lose"
    ACCEPT = "accept"
    APPEAL = "appeal"


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
    **{(status, E.APPEAL): S.NEEDS_RESPONSE for status in (S.UNDER_REVIEW, S.WON, S.LOST, S.ACCEPTED)},
    # An appeal that was decided before anybody heard of it.
    **{(status, E.WIN): S.WON for status in GONE},
    (S.WON, E.LOSE): S.LOST,
}
