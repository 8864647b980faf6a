"""Quote version: written, approved inside the house, converted into an order."""

from enum import StrEnum


class QuoteStatus(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    CONVERTED = "converted"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


class QuoteEvent(StrEnum):
    SUBMIT = "submit"
    WITHDRAW = "withdraw"
    APPROVE = "approve"
    REJECT = "reject"
    CONVERT = "convert"
    EXPIRE = "expire"
    SUPERSEDE = "supersede"


S, E = QuoteStatus, QuoteEvent

EDGES: dict[tuple[QuoteStatus, QuoteEvent], QuoteStatus] = {
    (S.DRAFT, E.SUBMIT): S.SUBMITTED,
    (S.SUBMITTED, E.WITHDRAW): S.DRAFT,
    (S.SUBMITTED, E.APPROVE): S.APPROVED,
    (S.SUBMITTED, E.REJECT): S.REJECTED,
    (S.APPROVED, E.CONVERT): S.CONVERTED,
    (S.SUBMITTED, E.EXPIRE): S.EXPIRED,
    (S.APPROVED, E.EXPIRE): S.EXPIRED,
    (S.APPROVED, E.SUPERSEDE): S.SUPERSEDED,
    (S.CONVERTED, E.SUPERSEDE): S.SUPERSEDED,
    (S.EXPIRED, E.SUPERSEDE): S.SUPERSEDED,
    (S.REJECTED, E.SUPERSEDE): S.SUPERSEDED,
}

REVISABLE = frozenset({S.APPROVED, S.CONVERTED, S.EXPIRED, S.REJECTED})

# These lapse at the end of their last day, whether or not the job has come by.
LAPSING = frozenset({S.SUBMITTED, S.APPROVED})
UNDER_WAY = frozenset({S.DRAFT, S.SUBMITTED})
