"""What a mail that asks for money says, from the rows: the same words for the preview and for what goes out."""

from __future__ import annotations

from datetime import datetime

from ..models.account import Account
from ..models.payment import PaymentOrder
from ..money import Money
from .kinds import MethodRequested, PaymentLink
from .recipients import Recipient


def payment_link(payment_order: PaymentOrder, to: Recipient, *, amount: Money, expires_at: datetime) -> PaymentLink:
    return PaymentLink(
        name=to.name,
        number=payment_order.order.number if payment_order.order else payment_order.number,
        amount=amount,
        purpose=payment_order.purpose,
        expires_at=expires_at,
    )


def method_request(account: Account, to: Recipient, *, expires_at: datetime) -> MethodRequested:
    return MethodRequested(name=to.name, account=account.name, expires_at=expires_at)
