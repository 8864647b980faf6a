"""What a payment gateway is to Countersign: requests and results frozen, capabilities declared, outcomes named.

An adapter never raises for what the world does to it: a refusal, a time-out or a broken answer is an outcome. It may
be asked the same thing twice with the same key and must then act once. It calls `db.assert_no_transaction()` first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

from ..errors import Refusal
from ..language import marked
from ..money import Money


class Outcome(StrEnum):
    """What became of a charge, as far as the gateway told.

    UNKNOWN: nobody knows (time-out, 5xx, 429, broken answer); ask, never send again under another key.
    FAILED: nothing was charged and nothing will be, and no bank declined it (a conflict, a refused parameter,
    a cancelled charge); `decline_code` names the error.
    """

    SUCCEEDED = "succeeded"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    DECLINED = "declined"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """One charge, complete: sending it again sends the same bytes.

    Pays by `instrument` (the gateway's alias of a card just entered; never a number) or by `token` of `customer_ref`.
    `save` keeps the card as a token of `customer_ref`. `return_url` is where a redirect comes back to.
    """

    key: str
    amount: Money
    instrument: str | None
    token: str | None
    customer_ref: str | None
    save: bool
    descriptor: str
    metadata: dict[str, str]
    return_url: str
    off_session: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values, fit for a JSON column; `from_dict` turns them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ChargeRequest:
        return cls(**{**values, "amount": Money(**values["amount"])})

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything but the key: two requests under one key must agree on it."""
        values = self.as_dict()
        del values["key"]
        return sha256(values)


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What may be known of a card outside the processor. `fingerprint` is equal for equal cards."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int
    holder: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ChargeResult:
    """The gateway's answer. `amount` is what it says it moved, to be compared with what was asked.

    `next_action` is {"kind": "redirect" | "in_page", "url": …} while the payer must still confirm. `token` and
    `customer_ref` are set once a card was saved. `raw_sha256` is over the answer as it came.
    """

    outcome: Outcome
    provider_id: str | None
    amount: Money | None
    action: str = "charge"
    reference: str = ""
    decline_code: str | None = None
    advice: str | None = None
    message: str = ""
    next_action: dict[str, Any] | None = None
    card: CardFacts | None = None
    token: str | None = None
    customer_ref: str | None = None
    raw_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an adapter can do; whoever asks for more is refused before anything is sent.

    `currencies` None: every currency. `keys_remembered_hours`: how long a repeated key answers as the first time did.
    """

    currencies: frozenset[str] | None = None
    saved_tokens: bool = False
    off_session: bool = False
    next_actions: bool = False
    capture_later: bool = False
    void: bool = False
    partial_refund: bool = False
    settlement: bool = False
    disputes: bool = False
    keys_remembered_hours: int = 24

    def accepts(self, currency: str) -> bool:
        return self.currencies is None or currency in self.currencies


@dataclass(frozen=True, slots=True)
class GatewayAccount:
    """The gateway row an adapter works for, as plain facts: an adapter never holds a database record."""

    key: str
    kind: str
    mode: str
    currencies: tuple[str, ...]


class Gateway(Protocol):
    """An account at a processor."""

    account: GatewayAccount
    capabilities: Capabilities

    def charge(self, request: ChargeRequest) -> ChargeResult:
        """Authorize and capture at once. The same key with the same request gets the same answer."""
        ...

    def look_up(self, key: str, provider_id: str | None) -> ChargeResult | None:
        """What became of a charge; None: the gateway has never heard of it. UNKNOWN: it cannot say now."""
        ...

    def resume(self, provider_id: str, key: str) -> ChargeResult:
        """What became of a charge once its payer is back from the next action."""
        ...

    def cancel(self, provider_id: str, key: str) -> ChargeResult:
        """End a charge that waits for its payer: FAILED with code `cancelled`, or what it had already become."""
        ...

    def ensure_customer(self, account_number: str, name: str, email: str, key: str) -> str:
        """The reference of the customer made under `key`. Raises GatewayUnreachable."""
        ...


class GatewayUnreachable(Exception):
    """The gateway did not answer something that moves no money; it is safe to ask again with the same key."""


class NotAvailable(Refusal):
    """A gateway is not installed or may not be used here; nothing has been sent."""

    def __init__(self, sentence: str, **facts: Any) -> None:
        help = marked("A payment admin can choose another gateway.")
        super().__init__("gateway_not_available", sentence, help, **facts)


def sha256(answer: Any) -> str:
    """Of an answer as canonical JSON, or of its bytes as they came."""
    raw = answer if isinstance(answer, bytes) else json.dumps(answer, sort_keys=True, default=str).encode()
    return hashlib.sha256(raw).hexdigest()
