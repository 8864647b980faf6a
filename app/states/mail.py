"""Order mail: a row first, delivered by a job."""

from enum import StrEnum


class MailStatus(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class MailEvent(StrEnum):
    CLAIM = "claim"
    DELIVER = "deliver"
    PUT_BACK = "put_back"
    GIVE_UP = "give_up"


S, E = MailStatus, MailEvent

EDGES: dict[tuple[MailStatus, MailEvent], MailStatus] = {
    (S.QUEUED, E.CLAIM): S.SENDING,
    (S.SENDING, E.CLAIM): S.SENDING,
    (S.SENDING, E.DELIVER): S.SENT,
    (S.SENDING, E.PUT_BACK): S.QUEUED,
    (S.SENDING, E.GIVE_UP): S.FAILED,
    (S.QUEUED, E.GIVE_UP): S.FAILED,
}
