"""What may be asked of money that a gateway already holds: capture or void an authorization, refund a capture."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from ..money import Money
from ..values import Value, as_dict
from .outcome import Outcome


class Movement(StrEnum):
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class MovementRequest(Value):
    """One movement, complete: sending it again under its key sends the same bytes.

    `charge_id` is the gateway's id of the charge or authorization. A void's `amount` is the whole authorization.
    """

    kind: Movement
    key: str
    charge_id: str
    amount: Money
    reason: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, fit for a JSON column; `from_dict` turns them back."""
        return as_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MovementRequest:
        return cls(**{**values, "kind": Movement(values["kind"]), "amount": Money(**values["amount"])})


class MovementResult(Value):
    """The gateway's answer: SUCCEEDED, PENDING, FAILED (nothing moved; `error_code` names why) or UNKNOWN.

    `provider_id` is the refund's own id, None if none was made; captures and voids carry the charge's. `key` and
    `metadata` are what it was asked with, where the gateway keeps them: that is how a refund made elsewhere is told
    from ours. A refund that failed after it had succeeded is FAILED with its `provider_id`.
    """

    kind: Movement
    outcome: Outcome
    provider_id: str | None
    charge_id: str | None
    amount: Money | None
    reference: str = ""
    error_code: str | None = None
    message: str = ""
    reason: str = ""
    key: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    raw_sha256: str = ""
