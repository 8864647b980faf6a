"""Staging order mail: a row and a job in the transaction of whatever the mail tells. Asking twice sends once.

Everything here is called inside a transaction() and never sends; `mail_delivery` does. `by` is whoever asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from flask import current_app
from sqlalchemy import select

from ... import jobs, links
from ...clock import now
from ...db import db, get, insert_new
from ...errors import Refusal
from ...logs import log
from ...mail import kinds, policy, recipients, requests
from ...mail.kinds import Content
from ...mail.recipients import Recipient
from ...mail.rendering import render
from ...models import (
    Account,
    Actor,
    Approval,
    Attempt,
    Company,
    CreditNote,
    Dispute,
    Document,
    Invoice,
    MethodRequest,
    Movement,
    OrderEmail,
    PaymentAgreement,
    PaymentIntent,
    PaymentOrder,
    Receipt,
    SalesOrder,
    Transaction,
    User,
)
from ...models.machine import Recorded
from ...money import Money
from . import papers
from .senders import message_id, sender_of
from .sources import agreement_of

By = User | Actor


def approval_request(approval: Approval, *, due_now: Money, attachments: Sequence[int] = (), by: By) -> OrderEmail:
    """Ask the customer to sign; `attachments` are document ids, waited for if not rendered yet."""
    order = approval.order
    content = kinds.ApprovalRequest(
        name=approval.contact.name,
        number=order.number,
        total=order.totals().gross,
        due_now=due_now,
        expires_at=approval.expires_at,
        message=approval.message,
    )
    return stage(
        content,
        subject=approval,
        cause=f"generation:{approval.generation}",
        order=order,
        to=recipients.for_approval(order, approval.contact, approval.sent_to),
        link=("approve", approval.public_id),
        attachments=attachments,
        by=by,
    )


def payment_link(
    intent: PaymentIntent, *, payer: Recipient | None = None, again: str = "", bill: Document | None = None, by: By
) -> OrderEmail:
    """Send the customer the link to a checkout; once per generation of the link, or per form key `again`. With it goes
    the `bill` of a period, as it stands now where none is given.

    Once more means: to whoever gets it today, so that a corrected address is used. `payer` is somebody else whom the
    customer named; they alone get it, once.
    """
    payment_order = intent.payment_order
    to = [payer] if payer else recipients.for_link(payment_order)
    if bill is None and recipients.is_billed(payment_order):
        bill = papers.invoice(get(Invoice, payment_order.invoice_id))
    forwarded = f":{sha256(payer.address.encode()).hexdigest()[:32]}" if payer else ""
    return stage(
        requests.payment_link(payment_order, to[0], amount=intent.money, expires_at=intent.expires_at),
        subject=intent,
        cause=f"again:{again}" if again else f"generation:{intent.generation}{forwarded}",
        order=payment_order.order,
        to=to,
        link=("pay", intent.public_id),
        attachments=[bill.id] if bill else [],
        by=by,
    )


def method_request(row: MethodRequest, *, again: str = "", by: By) -> OrderEmail:
    """Send the customer the link to add a card; once per generation of the link, or per form key `again`."""
    to = recipients.for_method(row.contact)
    return stage(
        requests.method_request(row.account, to[0], expires_at=row.expires_at),
        subject=row,
        cause=f"again:{again}" if again else f"generation:{row.generation}",
        order=None,
        to=to,
        link=("method", row.public_id),
        by=by,
    )


def receipt(row: Receipt, *, attachments: Sequence[int] = (), by: By) -> OrderEmail | None:
    """Thank the customer for a payment; to the address given at the checkout, if one was. None where it is off."""
    if not policy.is_on(kinds.PaymentReceipt.kind):
        return None
    attempt = _attempt(row)
    payment_order = get(PaymentOrder, row.payment_order_id) if row.payment_order_id else None
    order = _order_of(row)
    to = (
        recipients.for_payment(payment_order, attempt.receipt_email or "" if attempt else "", kind="receipt")
        if payment_order
        else recipients.for_account(get(Account, row.account_id), order, kind="receipt")
    )
    meant = papers.meant_for(row)
    content = kinds.PaymentReceipt(
        number=row.number,
        order=order.number if order else meant.number,
        amount=row.money,
        paid_with=row.paid_with,
        paid_at=row.received_on or row.at,
        purpose=meant.purpose,
        complete=row.received_on is None,
    )
    return stage(
        content,
        subject=row,
        cause="paid",
        order=order,
        to=to,
        link=("pay", attempt.intent.public_id) if attempt else None,
        attachments=attachments,
        by=by,
    )


def _order_of(row: Receipt) -> SalesOrder | None:
    order_id = papers.meant_for(row).order_id
    return get(SalesOrder, order_id) if order_id else None


def _attempt(row: Receipt) -> Attempt | None:
    if row.transaction_id is None:
        return None
    return get(Attempt, get(Transaction, row.transaction_id).attempt_id)


def invoice(row: Invoice, *, still_open: Money, attachments: Sequence[int], cause: str, by: By) -> OrderEmail:
    """Send an issued invoice to whoever pays the bills; `cause` names the asking, so that asking twice sends once."""
    if row.number is None or row.due_date is None:
        raise ValueError("only an issued invoice is sent")
    order = db.session.get(SalesOrder, row.order_id) if row.order_id else None
    to = recipients.for_invoice(row)
    content = kinds.InvoiceSent(
        name=to[0].name,
        number=row.number,
        order=order.number if order else "",
        amount=Money(row.gross, row.currency),
        open=still_open,
        due_on=row.due_date,
        bills=row.kind.value,
    )
    return stage(content, subject=row, cause=cause, order=order, to=to, attachments=attachments, by=by)


def credit_note(row: CreditNote, *, attachments: Sequence[int], by: By) -> OrderEmail | None:
    """Send a credit note to whoever pays the bills, once. None where it is off."""
    if not policy.is_on(kinds.CreditNoteSent.kind):
        return None
    order = db.session.get(SalesOrder, row.order_id) if row.order_id else None
    to = recipients.for_invoice(row.invoice, kind="credit_note")
    content = kinds.CreditNoteSent(
        name=to[0].name,
        number=row.number,
        invoice=row.invoice.number or "",
        order=order.number if order else "",
        amount=row.money,
        received=Money(row.received, row.currency),
        reason=row.note or papers.CREDIT_REASONS[row.reason],
    )
    return stage(content, subject=row, cause="issued", order=order, to=to, attachments=attachments, by=by)


def payment_declined(attempt: Attempt, *, reason: str, by: By) -> OrderEmail | None:
    """Tell the owner that a card was declined; `reason` in the words for staff. None with nobody to tell."""
    order = attempt.payment_order.order
    if order is None:
        return None
    content = kinds.PaymentDeclined(*_about(order), attempt.money, card=attempt.card_label, reason=reason)
    return _notice(content, order, attempt, "declined", by)


def customer_declined(approval: Approval, *, reason: str, by: By) -> OrderEmail | None:
    """Tell the owner that the customer does not want the order."""
    order = approval.order
    content = kinds.CustomerDeclined(*_about(order), person=by.name, reason=reason)
    return _notice(content, order, approval, "declined", by)


def change_requested(approval: Approval, *, message: str, by: By) -> OrderEmail | None:
    """Tell the owner what the customer would have otherwise."""
    order = approval.order
    content = kinds.ChangeRequested(*_about(order), person=by.name, message=message)
    return _notice(content, order, approval, "change", by)


def order_paid(row: Receipt, *, by: By) -> OrderEmail | None:
    """Tell the owner that money came in. None with nobody to tell."""
    order = get(PaymentOrder, row.payment_order_id).order
    if order is None:
        return None
    content = kinds.OrderPaid(*_about(order), amount=row.money, receipt=row.number, paid_with=row.paid_with)
    return _notice(content, order, row, "paid", by)


def refund(proof: Transaction, *, by: By) -> OrderEmail | None:
    """Tell the customer that money is on its way back."""
    asked = db.session.scalar(
        select(Movement).where(Movement.provider_id == proof.provider_id, Movement.action == proof.action)
    )
    facts = {"reason": asked.reason if asked and not asked.elsewhere else ""}
    return _to_payer(kinds.RefundSent, proof, "refunded", by, **facts)


def authorization_released(proof: Transaction, *, by: By) -> OrderEmail | None:
    """Tell the customer that nothing is reserved on their card any more."""
    return _to_payer(kinds.AuthorizationReleased, proof, "released", by)


def _to_payer(kind: type[Content], proof: Transaction, cause: str, by: By, **facts: str) -> OrderEmail | None:
    """None where nobody can be told, or is to be; the money has moved all the same."""
    if not policy.is_on(kind.kind):
        return None
    attempt, payment_order = get(Attempt, proof.attempt_id), get(PaymentOrder, proof.payment_order_id)
    order = payment_order.order
    content = kind(
        order=order.number if order else payment_order.purpose,  # type: ignore[call-arg]
        amount=Money(proof.amount, proof.currency),  # type: ignore[call-arg]
        paid_with=attempt.card_label,  # type: ignore[call-arg]
        **facts,
    )
    try:
        to = recipients.for_payment(payment_order, attempt.receipt_email or "", kind=kind.kind)
        return stage(content, subject=proof, cause=cause, order=order, to=to, by=by)
    except Refusal as refusal:
        log.error("mail.nobody_to_tell", kind=content.kind, payment_order=payment_order.number, because=refusal.code)
        return None


def authorization_lapses(attempt: Attempt, *, amount: Money, by: By) -> OrderEmail | None:
    """Tell the owner that a hold ends soon. None with nobody to tell."""
    if attempt.held_until is None:
        return None
    source, number = _source(attempt.payment_order), attempt.payment_order.number
    content = kinds.AuthorizationLapses(*_about(source), amount=amount, payment_order=number, until=attempt.held_until)
    return _notice(content, source, attempt, "lapses", by)


def dispute_opened(row: Dispute, *, by: By, version: str = "opened") -> OrderEmail | None:
    """Tell the owner that a payment is contested, or is again. None with nobody to tell."""
    source = _source(row.payment_order)
    content = kinds.DisputeOpened(
        *_about(source), amount=row.money, number=row.number, reason=row.reason, due_by=row.due_by
    )
    return _notice(content, source, row, version, by)


def new_link_requested(subject: Approval | PaymentIntent, *, by: By) -> OrderEmail | None:
    """Tell the owner that a dead link was opened and a new one is wanted; at most once a day for one link."""
    source = subject.order if isinstance(subject, Approval) else _source(subject.payment_order)
    what = "approval" if isinstance(subject, Approval) else "payment"
    content = kinds.NewLinkRequested(*_about(source), what=what)
    return _notice(content, source, subject, f"asked:{subject.generation}:{now():%Y-%m-%d}", by)


Source = SalesOrder | PaymentAgreement


def _source(payment_order: PaymentOrder) -> Source:
    """What asks for the money, whose owner is told."""
    return payment_order.order or get(PaymentAgreement, payment_order.agreement_id)


def _about(source: Source) -> tuple[str, str, str]:
    """What every notice begins with: which order or agreement, whose, and where its page is."""
    room = "orders" if isinstance(source, SalesOrder) else "agreements"
    return source.number, source.account.name, f"/{room}/{source.number}"


Subject = Recorded | Transaction | CreditNote
"""What a mail is about."""


def _notice(content: Content, source: Source, subject: Subject, cause: str, by: By) -> OrderEmail | None:
    """None where mail cannot reach the owner, or is not to: what happened is written down whether or not anybody can be
    told."""
    if not policy.is_on(content.kind):
        return None
    try:
        if isinstance(source, SalesOrder):
            to = recipients.for_owner(source)
        else:
            to = recipients.for_agreement_owner(get(User, source.owner_id))
        order = source if isinstance(source, SalesOrder) else source.order
        return stage(content, subject=subject, cause=cause, order=order, to=to, by=by)
    except Refusal as refusal:
        log.error("mail.nobody_to_tell", kind=content.kind, source=source.number, because=refusal.code)
        return None


def stage(
    content: Content,
    *,
    subject: Subject,
    cause: str,
    order: SalesOrder | None,
    to: list[Recipient],
    link: tuple[links.Kind, str] | None = None,
    attachments: Sequence[int] = (),
    by: By,
) -> OrderEmail:
    """The row of a mail, and the job that delivers it. The same kind, subject and cause is one mail, ever.

    `link` is what the customer's link is for (kind and public id); a notice leads its owner to the `page` it is about.
    """
    if subject.id is None:
        db.session.flush()
    key = {
        "kind": content.kind,
        "subject_kind": subject.__tablename__,
        "subject_id": subject.id,
        "cause": cause,
    }
    company = get(Company, 1)
    owner = order.owner if order else None
    setting = policy.of(content.kind)
    bodies = render(content, company=company, owner=owner, link=links.PLACEHOLDER if link else _page(content))
    sender = sender_of(company, setting.sender)
    email = insert_new(
        OrderEmail,
        **key,
        order_id=order.id if order else None,
        agreement_id=agreement_of(subject),
        message_id=message_id(sender),
        sender=sender,
        reply_to=setting.reply_to or (owner.email if owner else company.email),
        recipients=[recipient.row() for recipient in to],
        subject=bodies.subject,
        edition=bodies.edition,
        text=bodies.text,
        html=bodies.html,
        link_kind=link[0] if link else None,
        link_public_id=link[1] if link else None,
        attachments=list(attachments),
        asked_by=by.name,
    )
    if email is None:
        return db.session.scalars(select(OrderEmail).filter_by(**key)).one()
    jobs.stage("mails.deliver", email_id=email.id)
    return email


def _page(content: Content) -> str:
    page = getattr(content, "page", "")
    return f"{current_app.config['BASE_URL']}{page}" if page else ""
