"""Telling the customer what is new about their agreement, in the transaction of what it tells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ... import clock
from ...errors import Refusal
from ...logs import log
from ...mail import policy, recipients
from ...mail.agreement_kinds import AgreementTold, Told
from ...models import Actor, Document, PaymentAgreement
from ...queries.agreements import words
from ...states.agreement import AgreementStatus
from ...states.scheduled_payment import ScheduledStatus
from ..post import mails
from . import holding


def tell(
    row: PaymentAgreement, event: Told, *, paper: Document | None = None, until: date | None = None, by: Actor
) -> None:
    """Agreement held. What happened stands whether or not anybody can be told; of a draft nobody is. `paper` is
    attached."""
    if row.status is AgreementStatus.DRAFT or not policy.is_on(AgreementTold.kind):
        return
    try:
        to = recipients.for_agreement(row)
    except Refusal as refusal:
        log.error("mail.nobody_to_tell", kind=AgreementTold.kind, agreement=row.number, because=refusal.code)
        return
    content = AgreementTold(
        name=to[0].name,
        number=row.number,
        event=event,
        amount=row.totals().gross,
        often=words.often(row.frequency, row.every),
        collected=words.collected(row.collection, row.method.label if row.method else None),
        next_on=_next(row),
        until=until,
    )
    attachments: Sequence[int] = [paper.id] if paper else []
    cause = f"{event}:{clock.now().isoformat()}"
    mails.stage(content, subject=row, cause=cause, order=row.order, to=to, attachments=attachments, by=by)


def _next(row: PaymentAgreement) -> date | None:
    """None while nothing is charged. What is overdue after a pause is collected at once."""
    if row.status not in (AgreementStatus.ACTIVE, AgreementStatus.PAST_DUE):
        return None
    coming = holding.payments(row, ScheduledStatus.SCHEDULED)
    first = min((payment.due_on for payment in coming), default=None)
    return max(first, clock.today(row.zone)) if first else None
