"""A processor event as an adapter reads it: proven to come from the processor, and only a hint what to ask about."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from ..values import Value


class Subject(StrEnum):
    """What the event is about; OTHER is stored and left alone."""

    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"
    PAYOUT = "payout"
    SETUP = "setup"
    METHOD = "method"
    OTHER = "other"


class Notice(Value):
    """`subject_id` is the gateway's id of what it is about; `metadata` is ours, where the gateway hands it back (it
    names the attempt even before our commit has its provider id). `mode` is "test" or "live"; `account` is the
    processor's name of the account, where it says."""

    event_id: str
    type: str
    subject: Subject
    subject_id: str | None
    metadata: dict[str, str]
    mode: str
    at: datetime
    account: str | None = None


class BadNotice(Exception):
    """Not from the processor, too old, or unreadable; `code` is forged, stale, foreign (of another account) or
    unreadable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
