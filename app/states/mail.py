"""Order mail: a row first, delivered by a job; what became of it later is heard from the mail service."""

from enum import StrEnum


class MailStatus(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"


class MailEvent(StrEnum):
    CLAIM = "claim"
    DELIVER = "deliver"
    PUT_BACK = "put_back"
    GIVE_UP = "give_up"
    ARRIVE = "arrive"
    BOUNCE = "bounce"
    COMPLAIN = "complain"


S, E = MailStatus, MailEvent

EDGES: dict[tuple[MailStatus, MailEvent], MailStatus] = {
    (S.QUEUED, E.CLAIM): S.SENDING,
    (S.SENDING, E.CLAIM): S.SENDING,
    (S.SENDING, E.DELIVER): S.SENT,
    (S.SENDING, E.PUT_BACK): S.QUEUED,
    (S.SENDING, E.GIVE_UP): S.FAILED,
    (S.QUEUED, E.GIVE_UP): S.FAILED,
    # A report proves that the server had the message, also where nobody here could know it.
    **{(had, E.ARRIVE): S.DELIVERED for had in (S.QUEUED, S.SENDING, S.FAILED, S.SENT)},
    **{(had, E.BOUNCE): S.BOUNCED for had in (S.QUEUED, S.SENDING, S.FAILED, S.SENT, S.DELIVERED)},
    **{(had, E.COMPLAIN): S.COMPLAINED for had in (S.QUEUED, S.SENDING, S.FAILED, S.SENT, S.DELIVERED)},
}

ON_ITS_WAY = frozenset({S.QUEUED, S.SENDING})
GONE_OUT = frozenset({S.SENT, S.DELIVERED})
# The customer has not got it.
AMISS = frozenset({S.FAILED, S.BOUNCED, S.COMPLAINED})
