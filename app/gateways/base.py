"""What a payment gateway is to Countersign: requests and results frozen, capabilities declared, outcomes named.

An adapter never raises for what the world does to it: a refusal, a time-out or a broken answer is an outcome. It may
be asked the same thing twice with the same key and must then act once. It calls `db.assert_no_transaction()` first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from ..errors import Refusal
from ..language import marked
from ..money import Money
from ..values import Value, as_dict
from .card_field import CardField, Purpose
from .disputes import DisputeFacts, Evidence
from .movements import MovementRequest, MovementResult
from .notices import Notice
from .outcome import CardFacts, Outcome
from .settlement import Payout
from .setups import SetupRequest, SetupResult


class ChargeRequest(Value):
    """One charge, complete: sending it again sends the same bytes.

    Pays by `instrument` (the gateway's alias of a card just entered; never a number) or by `token` of `customer_ref`.
    `save` keeps the card as a token of `customer_ref`. `return_url` is where a redirect comes back to. Without
    `capture` the amount is only authorized.
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
    capture: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Plain values, fit for a JSON column; `from_dict` turns them back."""
        return as_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ChargeRequest:
        return cls(**{**values, "amount": Money(**values["amount"])})

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything but the key: two requests under one key must agree on it."""
        values = self.as_dict()
        del values["key"]
        return sha256(values)


class ChargeResult(Value):
    """The gateway's answer. `amount` is what it says it moved, to be compared with what was asked; `action` is
    "charge", or "authorize" of one that was only to be held, until `authorized_until`; it stays "authorize" after its
    capture, which is a movement of its own, and is FAILED once it was voided or has lapsed.

    Not `sent`: UNKNOWN, and this call reached nobody, not with one byte. If no call under its key did, the charge may
    go elsewhere.

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
    authorized_until: datetime | None = None
    sent: bool = True
    raw_sha256: str = ""


class Capabilities(Value):
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


class GatewayAccount(Value):
    """The gateway row an adapter works for, as plain facts: an adapter never holds a database record."""

    key: str
    kind: str
    mode: str
    currencies: tuple[str, ...]


class Gateway(Protocol):
    """An account at a processor. What its capabilities do not declare is never asked of it.

    Calls that move money or save a card answer with an outcome, whatever happens. Calls that only ask raise
    GatewayUnreachable where nobody answered.
    """

    account: GatewayAccount
    capabilities: Capabilities

    def charge(self, request: ChargeRequest) -> ChargeResult:
        """Authorize, and capture at once unless told otherwise. The same key with the same request gets the same
        answer."""
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

    def move(self, request: MovementRequest) -> MovementResult:
        """Capture, void or refund; the same key with the same request gets the same answer."""
        ...

    def look_up_movement(self, request: MovementRequest, provider_id: str | None) -> MovementResult | None:
        """What became of a movement; None: never heard of. UNKNOWN: it cannot say now."""
        ...

    def ensure_customer(self, account_number: str, name: str, email: str, key: str) -> str:
        """The reference of the customer made under `key`. Raises GatewayUnreachable."""
        ...

    def save_card(self, request: SetupRequest) -> SetupResult:
        """Keep a card for later; the same key with the same request gets the same answer."""
        ...

    def look_up_setup(self, key: str, provider_id: str | None) -> SetupResult | None:
        """What became of it, also once its holder is back from the next action; None: never heard of."""
        ...

    def detach(self, token: str, customer_ref: str) -> None:
        """Forget a saved card; one that is gone already is no error. Raises GatewayUnreachable."""
        ...

    def saved_card(self, token: str) -> CardFacts | None:
        """A saved card as it is now; None: it is not kept any more. Raises GatewayUnreachable."""
        ...

    def card_field(self, purpose: Purpose) -> CardField:
        """The field that takes a card in the payer's browser. Speaks to nobody."""
        ...

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        """An event, once its signature and age are proven. Speaks to nobody. Raises BadNotice."""
        ...

    def refund(self, provider_id: str) -> MovementResult | None:
        """A refund by the gateway's id, whoever made it. Raises GatewayUnreachable."""
        ...

    def dispute(self, provider_id: str) -> DisputeFacts | None:
        """A dispute by the gateway's id. Raises GatewayUnreachable."""
        ...

    def answer_dispute(self, provider_id: str, evidence: Evidence, key: str) -> DisputeFacts:
        """Hand in the evidence, once. Raises GatewayUnreachable."""
        ...

    def accept_dispute(self, provider_id: str, key: str) -> DisputeFacts:
        """Give in: lost. Raises GatewayUnreachable."""
        ...

    def payouts(self, since: datetime) -> Iterator[Payout]:
        """Every payout created at or after `since`, oldest first, with its items. Raises GatewayUnreachable."""
        ...

    def check(self) -> list[str]:
        """What is missing or wrong with credentials and account, a sentence each; nothing: it can be used. Never
        raises."""
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
