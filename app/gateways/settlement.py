"""What a processor paid out, and what each payout is made of."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from ..money import Money
from ..values import Value


class ItemKind(StrEnum):
    CHARGE = "charge"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"
    DISPUTE = "dispute"
    REINSTATEMENT = "reinstatement"
    FEE = "fee"
    ADJUSTMENT = "adjustment"


class PayoutState(StrEnum):
    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BalanceItem(Value):
    """One entry of the balance, in the currency of the settlement; `net` = `gross` − `fee`, and negative where money
    left us. `source_id` is the gateway's id of the charge, refund or dispute it belongs to, `charge_id` of the charge
    behind that. `presented` is what the customer saw where another currency was charged; `rate` turns that into
    `gross`."""

    provider_id: str
    kind: ItemKind
    source_id: str | None
    charge_id: str | None
    gross: Money
    fee: Money
    net: Money
    at: datetime
    presented: Money | None = None
    rate: Decimal | None = None
    description: str = ""


class Payout(Value):
    """`net` is what reaches the bank: the sum of its items' nets."""

    provider_id: str
    state: PayoutState
    net: Money
    created_at: datetime
    arrives_on: date
    items: tuple[BalanceItem, ...]
    raw_sha256: str = ""
