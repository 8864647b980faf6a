"""What the owner of an agreement is told. What happened stands whether or not that can be."""

from __future__ import annotations

from typing import Any

from ...db import get
from ...errors import Refusal
from ...logs import log
from ...mail import policy, recipients
from ...mail.kinds import Content
from ...models import SYSTEM, PaymentAgreement, User
from . import mails


def tell(content: Content, subject: Any, agreement: PaymentAgreement, *, cause: str = "owner") -> None:
    """Once for a kind, subject and cause."""
    if not policy.is_on(content.kind):
        return
    try:
        to = recipients.for_agreement_owner(get(User, agreement.owner_id))
        mails.stage(content, subject=subject, cause=cause, order=agreement.order, to=to, by=SYSTEM)
    except Refusal as refusal:
        log.error("mail.nobody_to_tell", kind=content.kind, agreement=agreement.number, because=refusal.code)
