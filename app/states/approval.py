"""One submission of an order to its customer for signature."""

from enum import StrEnum


class ApprovalStatus(StrEnum):
    PENDING = "pending"
    SIGNED = "signed"
    DECLINED = "declined"
    CHANGE_REQUESTED = "change_requested"
    REVOKED = "revoked"
    EXPIRED = "expired"


class ApprovalEvent(StrEnum):
    SIGN = "sign"
    DECLINE = "decline"
    REQUEST_CHANGE = "request_change"
    REVOKE = "revoke"
    EXPIRE = "expire"


S, E = ApprovalStatus, ApprovalEvent

EDGES: dict[tuple[ApprovalStatus, ApprovalEvent], ApprovalStatus] = {
    (S.PENDING, E.SIGN): S.SIGNED,
    (S.PENDING, E.DECLINE): S.DECLINED,
    (S.SIGNED, E.DECLINE): S.DECLINED,
    (S.PENDING, E.REQUEST_CHANGE): S.CHANGE_REQUESTED,
    (S.SIGNED, E.REQUEST_CHANGE): S.CHANGE_REQUESTED,
    (S.PENDING, E.REVOKE): S.REVOKED,
    (S.SIGNED, E.REVOKE): S.REVOKED,
    (S.PENDING, E.EXPIRE): S.EXPIRED,
}

LIVE = frozenset({S.PENDING, S.SIGNED})
