"""Scheduled payment: one period of an agreement, asked for once.

Collecting: it is claimed and billed; the saved method is being charged, or the customer has the link to pay.
"""

from enum import StrEnum


class ScheduledStatus(StrEnum):
    SCHEDULED = "scheduled"
    COLLECTING = "collecting"
    PAID = "paid"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class ScheduledEvent(StrEnum):
    COLLECT = "collect"
    PUT_OFF = "put_off"
    PAY = "pay"
    FAIL = "fail"
    SKIP = "skip"
    CANCEL = "cancel"


S, E = ScheduledStatus, ScheduledEvent

EDGES: dict[tuple[ScheduledStatus, ScheduledEvent], ScheduledStatus] = {
    (S.SCHEDULED, E.COLLECT): S.COLLECTING,
    # Surely nothing was charged, and not for want of the customer: the gateway was out of reach.
    (S.COLLECTING, E.PUT_OFF): S.SCHEDULED,
    (S.COLLECTING, E.FAIL): S.FAILED,
    # Nothing was tried: its card is known to be good for nothing.
    (S.SCHEDULED, E.FAIL): S.FAILED,
    (S.FAILED, E.COLLECT): S.COLLECTING,
    # Its bill was paid, by whatever way.
    (S.SCHEDULED, E.PAY): S.PAID,
    (S.COLLECTING, E.PAY): S.PAID,
    (S.FAILED, E.PAY): S.PAID,
    (S.SCHEDULED, E.SKIP): S.SKIPPED,
    (S.COLLECTING, E.SKIP): S.SKIPPED,  # its bill was credited or written off
    (S.FAILED, E.SKIP): S.SKIPPED,
    (S.SCHEDULED, E.CANCEL): S.CANCELLED,
    (S.FAILED, E.CANCEL): S.CANCELLED,
}

UNSETTLED = frozenset({S.SCHEDULED, S.COLLECTING, S.FAILED})
