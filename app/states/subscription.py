"""Subscription: what the customer receives for a recurring line. It follows its order and its agreement."""

from enum import StrEnum


class SubscriptionStatus(StrEnum):
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class SubscriptionEvent(StrEnum):
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"


S, E = SubscriptionStatus, SubscriptionEvent

EDGES: dict[tuple[SubscriptionStatus, SubscriptionEvent], SubscriptionStatus] = {
    (S.SCHEDULED, E.START): S.ACTIVE,
    (S.SCHEDULED, E.END): S.ENDED,
    (S.ACTIVE, E.PAUSE): S.PAUSED,
    (S.PAUSED, E.RESUME): S.ACTIVE,
    (S.ACTIVE, E.END): S.ENDED,
    (S.PAUSED, E.END): S.ENDED,
}
