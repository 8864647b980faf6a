"""Which agreement a mail is about, so that it stands on that agreement's page."""

from __future__ import annotations

from typing import Any

from ...db import get
from ...mail import recipients
from ...models import (
    Attempt,
    CardNotice,
    CreditNote,
    Dispute,
    DunningStep,
    Invoice,
    PaymentAgreement,
    PaymentIntent,
    PaymentOrder,
    Receipt,
    Transaction,
)


def agreement_of(subject: Any) -> int | None:
    """None for what is no agreement's. A bill names none, so whose it is costs a statement."""
    match subject:
        case PaymentAgreement():
            return subject.id
        case CardNotice():
            return subject.agreement_id
        case DunningStep():
            return subject.case.agreement_id
        case PaymentIntent() | Attempt() | Dispute():
            return subject.payment_order.agreement_id
        case Receipt() | Transaction():
            asked = subject.payment_order_id
            return get(PaymentOrder, asked).agreement_id if asked is not None else None
        case CreditNote():
            return agreement_of(subject.invoice)
        case Invoice() if subject.order_id is None:
            source = recipients.source_of_invoice(subject)
            return source.id if source is not None else None
    return None
