"""Saving a card without charging it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..values import Value, as_dict
from .outcome import CardFacts, Outcome


class SetupRequest(Value):
    """Keep the card behind `instrument` (the gateway's alias, never a number) as a token of `customer_ref`, for
    charges without its holder present. `return_url` is where a redirect comes back to."""

    key: str
    customer_ref: str
    instrument: str
    return_url: str
    metadata: dict[str, str] = msgspec.field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, fit for a JSON column; `from_dict` turns them back."""
        return as_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SetupRequest:
        return cls(**values)


class SetupResult(Value):
    """The gateway's answer. `next_action` as in ChargeResult; `token` and `card` once it has SUCCEEDED."""

    outcome: Outcome
    provider_id: str | None
    token: str | None = None
    customer_ref: str | None = None
    card: CardFacts | None = None
    next_action: dict[str, Any] | None = None
    decline_code: str | None = None
    advice: str | None = None
    message: str = ""
    raw_sha256: str = ""
