"""How anything asked of a gateway can end, and what may be known of a card."""

from __future__ import annotations

from enum import StrEnum

from ..values import Value


class Outcome(StrEnum):
    """What became of what was asked, as far as the gateway told.

    UNKNOWN: nobody knows (time-out, 5xx, 429, broken answer); ask, never send again under another key.
    FAILED: nothing moved and nothing will, and no bank declined it (a conflict, a refused parameter, a cancelled
    charge); the code beside it names the error.
    """

    SUCCEEDED = "succeeded"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    DECLINED = "declined"
    UNKNOWN = "unknown"
    FAILED = "failed"


class CardFacts(Value):
    """What may be known of a card outside the processor. `fingerprint` is equal for equal cards."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int
    holder: str
    fingerprint: str
