"""An escalation: what the system or a person cannot mend alone, on its way through the team that can."""

from enum import StrEnum


class EscalationStatus(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class EscalationEvent(StrEnum):
    """CLEAR: the system itself sees that the cause is gone."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    CLEAR = "clear"
    REOPEN = "reopen"


S, E = EscalationStatus, EscalationEvent

EDGES: dict[tuple[EscalationStatus, EscalationEvent], EscalationStatus] = {
    (S.OPEN, E.ACKNOWLEDGE): S.ACKNOWLEDGED,
    (S.OPEN, E.RESOLVE): S.RESOLVED,
    (S.OPEN, E.CLEAR): S.RESOLVED,
    (S.ACKNOWLEDGED, E.RESOLVE): S.RESOLVED,
    (S.ACKNOWLEDGED, E.CLEAR): S.RESOLVED,
    (S.RESOLVED, E.REOPEN): S.OPEN,
}
