"""Subscription: what the customer receives for a recurring line."""

from enum import StrEnum


class SubscriptionStatus(StrEnum):
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ENDED = "ended"


class SubscriptionEvent(StrEnum):
    START = "start"
    END = "end"


S, E = SubscriptionStatus, SubscriptionEvent

EDGES: dict[tuple[SubscriptionStatus, SubscriptionEvent], SubscriptionStatus] = {
    (S.SCHEDULED, E.START): S.ACTIVE,
    (S.SCHEDULED, E.END): S.ENDED,
    (S.ACTIVE, E.END): S.ENDED,
}
