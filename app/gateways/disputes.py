"""A charge that its cardholder contests, as the gateway tells of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from ..money import Money
from ..values import Value


class DisputePhase(StrEnum):
    """The processor's word on where it stands."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"


class DisputeMoney(StrEnum):
    """Which way money went because of it: taken at opening, the processor's fee, either given back when won."""

    DEBIT = "debit"
    FEE = "fee"
    REINSTATEMENT = "reinstatement"
    FEE_RETURNED = "fee_returned"


class DisputeMovement(Value):
    """One movement of money. `provider_id` is its own; `amount` is positive, its kind says which way it went."""

    kind: DisputeMoney
    provider_id: str
    amount: Money


class DisputeFacts(Value):
    """`inquiry`: the bank only asks, no money has moved. `appealed`: it was decided once, and that is contested now.
    `due_by`: evidence after that instant is not read. `movements` in the order in which they happened."""

    provider_id: str
    charge_id: str
    amount: Money
    reason: str
    phase: DisputePhase
    inquiry: bool
    opened_at: datetime
    due_by: datetime | None = None
    movements: tuple[DisputeMovement, ...] = ()
    raw_sha256: str = ""
    appealed: bool = False


class Evidence(Value):
    """What speaks for us: `words` by the field's name, and files as (name, content type, bytes).

    Names of words: product_description, customer_name, customer_email, billing_address, service_date, access_log,
    uncategorized_text. Names of files: receipt, customer_signature, service_documentation, shipping_documentation,
    customer_communication, uncategorized_file.
    """

    words: dict[str, str]
    files: dict[str, tuple[str, str, bytes]]
