"""What a mail that asks for money says, from the rows: the same words for the preview and for what goes out."""

from __future__ import annotations

from datetime import datetime

from ..db import get
from ..models.account import Account
from ..models.invoice import Invoice
from ..models.payment import PaymentOrder
from ..money import Money
from . import recipients
from .kinds import MethodRequested, PaymentLink
from .recipients import Recipient


def payment_link(payment_order: PaymentOrder, to: Recipient, *, amount: Money, expires_at: datetime) -> PaymentLink:
    bill = get(Invoice, payment_order.invoice_id) if recipients.is_billed(payment_order) else None
    return PaymentLink(
        name=to.name,
        number=payment_order.order.number if payment_order.order else payment_order.number,
        amount=amount,
        purpose=payment_order.purpose,
        expires_at=expires_at,
        bill=bill.number or "" if bill else "",
        due_on=payment_order.due_date if bill else None,
    )


def method_request(account: Account, to: Recipient, *, expires_at: datetime) -> MethodRequested:
    return MethodRequested(name=to.name, account=account.name, expires_at=expires_at)
