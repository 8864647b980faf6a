"""A customer asked for a card: the life of the mailed link behind which it is entered."""

from enum import StrEnum


class RequestStatus(StrEnum):
    LIVE = "live"
    DONE = "done"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


class RequestEvent(StrEnum):
    COMPLETE = "complete"
    EXPIRE = "expire"
    REVOKE = "revoke"
    SUPERSEDE = "supersede"


S, E = RequestStatus, RequestEvent

EDGES: dict[tuple[RequestStatus, RequestEvent], RequestStatus] = {
    (S.LIVE, E.COMPLETE): S.DONE,
    (S.LIVE, E.EXPIRE): S.EXPIRED,
    (S.LIVE, E.REVOKE): S.REVOKED,
    (S.LIVE, E.SUPERSEDE): S.SUPERSEDED,
    # A card that was kept at the gateway before the link ended is on file, whenever that comes to light.
    (S.EXPIRED, E.COMPLETE): S.DONE,
    (S.REVOKED, E.COMPLETE): S.DONE,
    (S.SUPERSEDED, E.COMPLETE): S.DONE,
}
