"""Gateway: what the payment admin lets it do. Whether it answers at the moment is its health, and kept apart."""

from enum import StrEnum


class GatewayState(StrEnum):
    """UNAVAILABLE: switched off by hand, or found silent; either way what would go there waits."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    REMOVED = "removed"
    UNAVAILABLE = "unavailable"


class GatewayEvent(StrEnum):
    ACTIVATE = "activate"
    DEPRECATE = "deprecate"
    SUSPEND = "suspend"
    REMOVE = "remove"


S, E = GatewayState, GatewayEvent

EDGES: dict[tuple[GatewayState, GatewayEvent], GatewayState] = {
    (S.ACTIVE, E.DEPRECATE): S.DEPRECATED,
    (S.ACTIVE, E.SUSPEND): S.UNAVAILABLE,
    (S.ACTIVE, E.REMOVE): S.REMOVED,
    (S.DEPRECATED, E.ACTIVATE): S.ACTIVE,
    (S.DEPRECATED, E.SUSPEND): S.UNAVAILABLE,
    (S.DEPRECATED, E.REMOVE): S.REMOVED,
    (S.UNAVAILABLE, E.ACTIVATE): S.ACTIVE,
    (S.UNAVAILABLE, E.DEPRECATE): S.DEPRECATED,
    (S.UNAVAILABLE, E.REMOVE): S.REMOVED,
    (S.REMOVED, E.ACTIVATE): S.ACTIVE,
}
