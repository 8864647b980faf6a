"""Payment intent: one executable checkout. A payment order has at most one that is live."""

from enum import StrEnum


class IntentStatus(StrEnum):
    LIVE = "live"
    PAID = "paid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


class IntentEvent(StrEnum):
    PAY = "pay"
    EXPIRE = "expire"
    REVOKE = "revoke"
    SUPERSEDE = "supersede"
    CANCEL = "cancel"


S, E = IntentStatus, IntentEvent

EDGES: dict[tuple[IntentStatus, IntentEvent], IntentStatus] = {
    (S.LIVE, E.PAY): S.PAID,
    (S.LIVE, E.EXPIRE): S.EXPIRED,
    (S.LIVE, E.REVOKE): S.REVOKED,
    (S.LIVE, E.SUPERSEDE): S.SUPERSEDED,
    (S.LIVE, E.CANCEL): S.CANCELLED,
    # Money that was on its way when the link died still counts as what it is.
    (S.EXPIRED, E.PAY): S.PAID,
    (S.REVOKED, E.PAY): S.PAID,
    (S.SUPERSEDED, E.PAY): S.PAID,
    (S.CANCELLED, E.PAY): S.PAID,
}
