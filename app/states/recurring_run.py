"""Recurring run: a day's collecting of what is due of agreements. Stopped, it stays so until somebody resumes it."""

from enum import StrEnum


class RunStatus(StrEnum):
    """DONE: nothing more is due at the moment; what falls due later the same day opens it again."""

    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


class RunEvent(StrEnum):
    STOP = "stop"
    RESUME = "resume"
    FINISH = "finish"
    GO_ON = "go_on"


S, E = RunStatus, RunEvent

EDGES: dict[tuple[RunStatus, RunEvent], RunStatus] = {
    (S.RUNNING, E.STOP): S.STOPPED,
    (S.DONE, E.STOP): S.STOPPED,  # so that nothing is charged that falls due later
    (S.STOPPED, E.RESUME): S.RUNNING,
    (S.RUNNING, E.FINISH): S.DONE,
    (S.DONE, E.GO_ON): S.RUNNING,
}
