"""Pay-out: unapplied cash that is to go back, once a second person has looked at it."""

from enum import StrEnum


class PayOutStatus(StrEnum):
    REQUESTED = "requested"
    PAID = "paid"
    REFUSED = "refused"


class PayOutEvent(StrEnum):
    APPROVE = "approve"
    REFUSE = "refuse"


EDGES: dict[tuple[PayOutStatus, PayOutEvent], PayOutStatus] = {
    (PayOutStatus.REQUESTED, PayOutEvent.APPROVE): PayOutStatus.PAID,
    (PayOutStatus.REQUESTED, PayOutEvent.REFUSE): PayOutStatus.REFUSED,
}
