"""The reminders of one invoice: what keeps them from going out, what was sent, what comes next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import bindparam, func, or_, select

from ... import settings
from ...clock import local_date, now
from ...db import read_columns
from ...errors import Refusal
from ...formatting import ago
from ...mail import policy
from ...mail.reminder_kinds import InvoiceReminded
from ...models import (
    Allocation,
    Attempt,
    CollectionMethod,
    Dispute,
    DunningCase,
    IntentPurpose,
    Invoice,
    InvoiceReminder,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    Receipt,
    ReminderStop,
    ScheduledPayment,
)
from ...navigation import company
from ...states import attempt, dispute, reminder
from ...states.dunning import CaseStatus
from ...states.intent import IntentStatus
from ...states.invoice import OPEN
from ...states.mail import AMISS
from ...states.scheduled_payment import ScheduledStatus
from ...values import Value

S = ScheduledStatus


class Reminded(Value):
    """`step` None: sent by hand, by `by`. `status` is its mail's."""

    words: str
    by: str
    at: datetime
    status: str


class Stopped(Value):
    because: str
    by: str
    at: datetime


class Reminders(Value):
    """`coming` are the steps ahead, each in words with its day; where there are none, `silent` says why."""

    sent: tuple[Reminded, ...]
    coming: tuple[tuple[str, date], ...]
    stopped: Stopped | None
    silent: str
    can_send: bool


def view(invoice_id: int, status: Any, issued_on: date | None, due_on: date | None, today: date) -> Reminders:
    """Two statements. `status` is the stored one."""
    rows = tuple(read_columns(_sent(), invoice_id_=invoice_id))
    found = read_columns(_hindrances(), invoice_id_=invoice_id).one()
    stop = Stopped(found.because, found.stopped_by, found.at) if found.stopped_by is not None else None
    refusal = _refusal(found) if status in OPEN else None
    silent = _silent(refusal, stop is not None)
    quiet = bool(rows) and local_date(rows[0].at, company().time_zone) >= today
    sent = [r.step for r in rows if r.step is not None]
    ahead = _ahead(issued_on, due_on, today + timedelta(days=quiet), sent)
    return Reminders(
        sent=tuple(Reminded(words(r.step), r.sent_by, r.at, r.status) for r in rows),
        coming=tuple((words(step), on) for step, on in ahead) if status in OPEN and not silent else (),
        stopped=stop,
        silent=silent,
        can_send=status in OPEN and refusal is None and policy.is_on(InvoiceReminded.kind),
    )


def _ahead(issued_on: date | None, due_on: date | None, today: date, sent: list[int]) -> list[tuple[int, date]]:
    if issued_on is None or due_on is None:
        return []
    return reminder.coming(days(), issued_on, due_on, today, sent)


def days() -> tuple[int, ...]:
    return reminder.parse(settings.get(settings.REMINDER_DAYS))


def words(step: int | None) -> str:
    if step is None:
        return _("By hand")
    if step == 0:
        return _("On the day it is due")
    if step < 0:
        return ngettext("%(num)d day before it is due", "%(num)d days before it is due", -step)
    return ngettext("%(num)d day overdue", "%(num)d days overdue", step)


def _silent(refusal: Refusal | None, stopped: bool) -> str:
    if refusal is not None:
        return f"{refusal.sentence} {refusal.help}".strip()
    if stopped:
        return _("Nothing goes out by itself until they go on.")
    if not settings.get(settings.REMINDERS):
        return _("Reminders are switched off in the settings.")
    if not policy.is_on(InvoiceReminded.kind):
        return _("This kind of mail is switched off in Order Email Settings.")
    return ""


def why_not(invoice_id: int) -> Refusal | None:
    """What keeps everybody, the clock and people, from reminding of an open invoice. One statement."""
    return _refusal(read_columns(_hindrances(), invoice_id_=invoice_id).one())


def why_not_by_hand(invoice_id: int) -> Refusal | None:
    """What keeps people besides. One statement. What did not reach its reader keeps nobody."""
    if not policy.is_on(InvoiceReminded.kind):
        return Refusal(
            "switched_off",
            "Invoice reminders are switched off in Order Email Settings.",
            "Whoever may edit Order Email Settings can switch them on.",
        )
    query = (
        select(InvoiceReminder.at)
        .join(OrderEmail, OrderEmail.id == InvoiceReminder.email_id)
        .where(InvoiceReminder.invoice_id == invoice_id, InvoiceReminder.at > now() - reminder.QUIET)
        .where(OrderEmail.status.not_in(AMISS))
        .order_by(InvoiceReminder.id.desc())
        .limit(1)
    )
    at = read_columns(query).scalar()
    if at is None:
        return None
    return Refusal(
        "just_reminded",
        "The last reminder of this invoice went out %(ago)s.",
        "Give the customer an hour before the next one.",
        ago=ago(at),
    )


def in_vain(mails: Iterable[OrderEmail]) -> dict[int, str]:
    """Why reminders that still wait to leave would come too late, by the id of their mail. One statement, none where
    there are no reminders."""
    ours = (InvoiceReminded.kind, Invoice.__tablename__)  # a test of the kind is about no invoice
    waiting = {mail.id: mail.subject_id for mail in mails if (mail.kind, mail.subject_kind) == ours}
    if not waiting:
        return {}
    newest = select(func.max(InvoiceReminder.email_id)).where(InvoiceReminder.invoice_id == Invoice.id)
    query = select(Invoice.id, Invoice.status, newest.scalar_subquery().label("newest"))
    found = {row.id: row for row in read_columns(query.where(Invoice.id.in_(waiting.values())))}
    why = {mail_id: _in_vain(mail_id, found[invoice_id]) for mail_id, invoice_id in waiting.items()}
    return {mail_id: sentence for mail_id, sentence in why.items() if sentence}


def _in_vain(mail_id: int, row: Any) -> str:
    if row.status not in OPEN:
        return _("Its invoice is not open any more.")
    return _("A newer reminder of the invoice takes its place.") if mail_id < (row.newest or 0) else ""


def _refusal(found: Any) -> Refusal | None:
    if found.disputed:
        return Refusal("disputed", "A payment of this invoice is disputed; the customer is not reminded meanwhile.")
    if found.paying:
        return Refusal(
            "payment_in_progress",
            "A payment of this invoice is in progress.",
            "Wait until the gateway has confirmed how it ends.",
        )
    if found.dunned:
        return Refusal("dunning", "Dunning collects this invoice, and writes to the customer by its own policy.")
    if found.scheduled:
        return Refusal("collected", "Its card is charged by the agreement, so the customer has nothing to do.")
    return None


@cache
def _hindrances() -> Any:
    mine = PaymentOrder.invoice_id == Invoice.id
    asks = or_(mine, PaymentOrder.order_id == Invoice.order_id)
    paying = (
        select(Attempt.id)
        .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
        .where(asks, Attempt.status.in_(attempt.OPEN))
    )
    pays = (
        select(Allocation.id)
        .join(Receipt, Receipt.id == Allocation.receipt_id)
        .where(Allocation.invoice_id == Invoice.id, Receipt.payment_order_id == PaymentOrder.id)
        .correlate(Invoice, PaymentOrder)
    )
    disputed = (
        select(Dispute.id)
        .join(PaymentOrder, PaymentOrder.id == Dispute.payment_order_id)
        .where(Dispute.status.in_(dispute.OPEN), or_(mine, pays.exists()))
    )
    period = ScheduledPayment.invoice_id == Invoice.id
    dunned = (
        select(DunningCase.id)
        .join(ScheduledPayment, ScheduledPayment.id == DunningCase.scheduled_payment_id)
        .where(period, DunningCase.status == CaseStatus.OPEN)
    )
    # As it was asked for, whatever the agreement has changed to since.
    by_card = (ScheduledPayment.status == S.COLLECTING) & (PaymentOrder.collection == CollectionMethod.SAVED_METHOD)
    scheduled = (
        select(ScheduledPayment.id)
        .join(PaymentOrder, PaymentOrder.id == ScheduledPayment.payment_order_id)
        .where(period, or_(ScheduledPayment.status == S.SCHEDULED, by_card))
    )
    found = {"paying": paying, "disputed": disputed, "dunned": dunned, "scheduled": scheduled}
    columns = [query.correlate(Invoice).exists().label(name) for name, query in found.items()]
    stop = (ReminderStop.because, ReminderStop.stopped_by, ReminderStop.at)
    in_force = (ReminderStop.invoice_id == Invoice.id) & ReminderStop.ended_at.is_(None)
    query = select(*columns, *stop).select_from(Invoice).outerjoin(ReminderStop, in_force)
    return query.where(Invoice.id == bindparam("invoice_id_"))


@cache
def _sent() -> Any:
    R = InvoiceReminder
    columns = (R.step, R.sent_by, R.at, OrderEmail.status)
    query = select(*columns).join(OrderEmail, OrderEmail.id == R.email_id)
    return query.where(R.invoice_id == bindparam("invoice_id_")).order_by(R.id.desc())


def link_of(invoice_id: int, due: int) -> int | None:
    """The id of a live checkout behind a link that pays this invoice, has tries left, and asks for just what is due of
    it, as the mail says."""
    tries = select(func.count(Attempt.id)).where(Attempt.intent_id == PaymentIntent.id).scalar_subquery()
    query = (
        select(PaymentIntent.id)
        .join(PaymentOrder, PaymentOrder.id == PaymentIntent.payment_order_id)
        .where(PaymentOrder.invoice_id == invoice_id, PaymentIntent.status == IntentStatus.LIVE)
        .where(PaymentIntent.purpose == IntentPurpose.LINK, tries < PaymentIntent.attempt_limit)
        .where(PaymentIntent.expires_at > now(), PaymentIntent.amount == due)
        .order_by(PaymentIntent.id.desc())
        .limit(1)
    )
    found: int | None = read_columns(query).scalar()
    return found
