"""What became of a processor event after it was stored. The event itself never changes."""

from enum import StrEnum


class NoticeStatus(StrEnum):
    """IGNORED: nothing follows from it, by its kind or because a person said so. PARKED: it is about something that we
    do not know yet. UNMATCHED: about something that we never will."""

    RECEIVED = "received"
    PARKED = "parked"
    DONE = "done"
    IGNORED = "ignored"
    UNMATCHED = "unmatched"
    QUARANTINED = "quarantined"
    FAILED = "failed"


class NoticeEvent(StrEnum):
    FINISH = "finish"
    IGNORE = "ignore"
    PARK = "park"
    GIVE_UP = "give_up"
    QUARANTINE = "quarantine"
    FAIL = "fail"
    REPLAY = "replay"
    SET_ASIDE = "set_aside"


S, E = NoticeStatus, NoticeEvent

WAITING = frozenset({S.RECEIVED, S.PARKED, S.FAILED})
NEEDS_PEOPLE = frozenset({S.UNMATCHED, S.QUARANTINED, S.FAILED})

EDGES: dict[tuple[NoticeStatus, NoticeEvent], NoticeStatus] = (
    {
        (status, event): end
        for status in WAITING
        for event, end in {
            E.FINISH: S.DONE,
            E.IGNORE: S.IGNORED,
            E.PARK: S.PARKED,
            E.GIVE_UP: S.UNMATCHED,
            E.QUARANTINE: S.QUARANTINED,
            E.FAIL: S.FAILED,
        }.items()
    }
    | {
        # Asking again changes nothing that has happened, so anything but a quarantined event may be replayed.
        (status, E.REPLAY): S.RECEIVED
        for status in S
        if status is not S.QUARANTINED
    }
    | {
        # A person looked, and nothing follows from it.
        (status, E.SET_ASIDE): S.IGNORED
        for status in NEEDS_PEOPLE
    }
)
