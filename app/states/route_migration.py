"""Taking a route from one gateway to another, with what becomes of each saved method."""

from enum import StrEnum


class MigrationStatus(StrEnum):
    """DETACHED: the old gateway has been told to forget the cards, so there is no way back."""

    RUNNING = "running"
    DONE = "done"
    REVERSED = "reversed"
    DETACHED = "detached"


class MigrationEvent(StrEnum):
    FINISH = "finish"
    REVERSE = "reverse"
    DETACH = "detach"


S, E = MigrationStatus, MigrationEvent

EDGES: dict[tuple[MigrationStatus, MigrationEvent], MigrationStatus] = {
    (S.RUNNING, E.FINISH): S.DONE,
    (S.RUNNING, E.REVERSE): S.REVERSED,
    (S.DONE, E.REVERSE): S.REVERSED,
    (S.DONE, E.DETACH): S.DETACHED,
}
