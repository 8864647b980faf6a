"""Staging the mails of dunning; each step, and each expiring card, writes each of its mails once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import links
from ...db import get
from ...mail import dunning_kinds as kinds
from ...mail import policy, recipients
from ...mail.kinds import Content
from ...mail.recipients import Recipient
from ...models import (
    SYSTEM,
    CardNotice,
    DunningStep,
    MethodRequest,
    PaymentAgreement,
    PaymentIntent,
    PaymentMethod,
    PaymentOrder,
    ScheduledPayment,
)
from ...money import Money
from ...queries import ledger
from ...queries.dunning import words
from ...states.dunning import Ending
from . import mails, owner_mails

Link = tuple[links.Kind, str]


def retry(step: DunningStep, intent: PaymentIntent, *, reason: str) -> None:
    """The charge was declined, and will be made again; `reason` in the customer's words."""
    to = _payers(intent.payment_order, kinds.PaymentRetry.kind)
    facts = _facts(step, intent.payment_order, to)
    content = kinds.PaymentRetry(**facts, card=card_of(step.case.agreement), reason=reason, retry_at=step.due_at)
    _send(content, step, to, ("pay", intent.public_id))


def confirm(step: DunningStep, intent: PaymentIntent, *, bank_asks: bool) -> None:
    to = _payers(intent.payment_order, kinds.PaymentConfirm.kind)
    facts = _facts(step, intent.payment_order, to)
    content = kinds.PaymentConfirm(**facts, bank_asks=bank_asks, expires_at=intent.expires_at)
    _send(content, step, to, ("pay", intent.public_id))


def card_needed(step: DunningStep, request: MethodRequest, payment_order: PaymentOrder, *, card: str) -> None:
    """`card`: which one was declined."""
    to = recipients.for_method(request.contact)
    content = kinds.CardNeeded(**_facts(step, payment_order, to), card=card, expires_at=request.expires_at)
    _send(content, step, to, ("method", request.public_id))


def stopped(step: DunningStep, intent: PaymentIntent, ending: Ending) -> None:
    to = _payers(intent.payment_order, kinds.PlanStopped.kind)
    content = kinds.PlanStopped(**_facts(step, intent.payment_order, to), ending=str(ending))
    _send(content, step, to, ("pay", intent.public_id))


def _payers(payment_order: PaymentOrder, kind: str) -> list[Recipient]:
    """Whoever got the bill is told that it is unpaid, as the link in the mail was judged by them."""
    if recipients.is_billed(payment_order):
        return recipients.for_link(payment_order)
    return recipients.for_payment(payment_order, kind=kind)


def card_of(agreement: PaymentAgreement) -> str:
    return agreement.method.label if agreement.method else ""


def _facts(step: DunningStep, payment_order: PaymentOrder, to: Sequence[Recipient]) -> dict[str, Any]:
    return {
        "name": to[0].name,
        "number": step.case.agreement.number,
        "amount": _open(step.case.payment),
        "purpose": payment_order.purpose,
    }


def _open(payment: ScheduledPayment) -> Money:
    """What is asked for still, after what came of it or lowered it."""
    asked = payment.payment_order_id
    assert asked is not None, "only what was asked for is declined"
    return Money(ledger.figures([asked])[asked].balance, payment.currency)


def _send(content: Content, subject: Any, to: list[Recipient], link: Link) -> bool:
    """Whether such mails go out."""
    if not policy.is_on(content.kind):
        return False
    agreement = (
        subject.case.agreement if isinstance(subject, DunningStep) else get(PaymentAgreement, subject.agreement_id)
    )
    mails.stage(content, subject=subject, cause="customer", order=agreement.order, to=to, link=link, by=SYSTEM)
    return True


def owner(step: DunningStep, payment: ScheduledPayment, *, following: DunningStep | None, now: str = "") -> None:
    """What happened and what comes next; what happened stands whether or not anybody can be told."""
    agreement = step.case.agreement
    content = kinds.DunningNotice(
        number=agreement.number,
        customer=agreement.account.name,
        amount=_open(payment),
        reason=step.case.reason,
        now=now,
        then=words.coming(following.action, following.due_at, agreement.zone) if following else "",
    )
    owner_mails.tell(content, step, agreement)


def card_expires(row: CardNotice, agreement: PaymentAgreement, request: MethodRequest, due: ScheduledPayment) -> None:
    """To the customer and to the owner."""
    method = get(PaymentMethod, row.method_id)
    facts = {"number": agreement.number, "card": method.label, "month": f"{row.exp_month:02d}/{row.exp_year}"}
    to = recipients.for_method(request.contact)
    content = kinds.CardExpires(
        name=to[0].name,
        amount=Money(due.amount, due.currency),
        due_on=due.due_on,
        expires_at=request.expires_at,
        **facts,
    )
    asked = _send(content, row, to, ("method", request.public_id))
    told = kinds.CardExpiresNotice(customer=agreement.account.name, due_on=due.due_on, asked=asked, **facts)
    owner_mails.tell(told, row, agreement)
