"""Reminding of unpaid invoices: by the clock on the days of the policy, by people whenever they want, never where
something else is collecting the money."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, or_, select

from ... import audit, clock, forms, jobs, settings
from ...access import Permission, demand
from ...db import db, end_read, get, insert_new, lock, transaction
from ...errors import Refusal
from ...language import marked
from ...logs import log
from ...mail import policy
from ...mail.reminder_kinds import InvoiceReminded
from ...models import (
    SYSTEM,
    Account,
    Actor,
    Company,
    Invoice,
    InvoiceReminder,
    OrderEmail,
    ReminderStop,
    User,
)
from ...money import Money
from ...queries.calendar import days_after
from ...queries.invoices import reminders
from ...queries.receivables import figures
from ...states import reminder
from ...states.invoice import OPEN
from ..post import papers, reminder_mails
from . import reminder_links

# No mail goes out in the middle of the night: from this hour on, where the company is.
MORNING = 8
NOTHING = marked("%(number)s is not open any more; there is nothing to remind of.")


@jobs.tick("reminders.send_due", every=timedelta(minutes=15))
def send_due() -> int:
    """How many invoices were reminded of."""
    seller = db.session.get(Company, 1)
    if seller is None or not _is_day(seller.time_zone):
        return 0
    if not settings.get(settings.REMINDERS) or not policy.is_on(InvoiceReminded.kind):
        return 0
    days, today = reminders.days(), clock.today(seller.time_zone)
    stopped = select(ReminderStop.id).where(ReminderStop.invoice_id == Invoice.id, ReminderStop.ended_at.is_(None))
    wanted = or_(*(_waits_for(days, n, today) for n in range(len(days))))
    query = select(Invoice.id).where(Invoice.status.in_(OPEN), wanted, ~stopped.exists())
    due = db.session.scalars(query.order_by(Invoice.due_date, Invoice.id)).all()
    end_read()
    return jobs.each("reminders.send_due", due, lambda invoice_id: remind(invoice_id, today))


def _waits_for(days: tuple[int, ...], n: int, today: date) -> ColumnElement[bool]:
    """Step `n` is the newest of the invoice at hand, as `reminder.due_step` says, and neither it nor a later one was
    sent: so what is done is not looked at again."""
    step, until = days[n], today - timedelta(days=days[n])
    after = until - timedelta(days=reminder.MADE_UP_FOR)
    if n + 1 < len(days):
        after = max(after, today - timedelta(days=days[n + 1] - 1))
    sent = select(InvoiceReminder.id).where(InvoiceReminder.invoice_id == Invoice.id, InvoiceReminder.step >= step)
    told = Invoice.issued_on < days_after(Invoice.due_date, step)
    return Invoice.due_date.between(after, until) & told & ~sent.exists()


def _is_day(zone: str) -> bool:
    return clock.now().astimezone(ZoneInfo(zone)).hour >= MORNING


def remind(invoice_id: int, today: date) -> bool:
    """The step that is due now, if one is; whether it was sent."""
    try:
        return _remind(invoice_id, today)
    except Refusal as refusal:
        log.warning("reminder.waits", invoice=invoice_id, because=refusal.code)
        return False


def _remind(invoice_id: int, today: date) -> bool:
    with transaction():
        invoice = _hold(invoice_id)
        days = reminder.parse(settings.fresh(settings.REMINDER_DAYS))
        step = _step(invoice, days, today)
        if step is None or not settings.fresh(settings.REMINDERS) or not policy.is_on(InvoiceReminded.kind):
            return False
        if stop_of(invoice_id) is not None or _why_not(invoice) is not None:
            return False
        return _send(invoice, step, cause=f"step:{step}", by=SYSTEM) is not None


def _step(invoice: Invoice, days: tuple[int, ...], today: date) -> int | None:
    if invoice.status not in OPEN or invoice.issued_on is None or invoice.due_date is None:
        return None
    rows = db.session.execute(
        select(InvoiceReminder.step, InvoiceReminder.at).where(InvoiceReminder.invoice_id == invoice.id)
    ).all()
    zone = get(Company, 1).time_zone
    if any(clock.local_date(row.at, zone) >= today for row in rows):
        return None  # it waits until the next day
    sent = [row.step for row in rows if row.step is not None]
    return reminder.due_step(days, invoice.issued_on, invoice.due_date, today, sent)


def _hold(invoice_id: int) -> Invoice:
    lock(Account, get(Invoice, invoice_id).account_id)
    return lock(Invoice, invoice_id)


def stop_of(invoice_id: int) -> ReminderStop | None:
    query = select(ReminderStop).where(ReminderStop.invoice_id == invoice_id, ReminderStop.ended_at.is_(None))
    return db.session.scalars(query).one_or_none()


def _why_not(invoice: Invoice) -> Refusal | None:
    if invoice.status not in OPEN:
        return Refusal("not_open", NOTHING, number=invoice.number)
    return reminders.why_not(invoice.id)


def _send(invoice: Invoice, step: int | None, *, cause: str, by: User | Actor) -> InvoiceReminder | None:
    """None where this step was sent already. Inside a transaction, account and invoice locked."""
    if invoice.due_date is None:
        raise ValueError("only an issued invoice is reminded of")
    due = Money(figures.of_invoice(invoice.id).due, invoice.currency)
    mail = reminder_mails.remind(
        invoice,
        still_open=due,
        late=(clock.today(get(Company, 1).time_zone) - invoice.due_date).days,
        attachments=[papers.invoice(invoice).id],
        intent=reminder_links.of(invoice, by=by if isinstance(by, Actor) else Actor.of(by)),
        cause=cause,
        by=by,
    )
    return insert_new(InvoiceReminder, invoice_id=invoice.id, step=step, email_id=mail.id, sent_by=by.name)


def send_now(invoice_id: int, *, form_key: str, by: User) -> OrderEmail:
    """A reminder by hand, beside those of the policy, one an hour; the same form twice sends once.

    Raises Refusal: `not_permitted`, `not_open`, `switched_off`, `just_reminded`, `disputed`,
    `payment_in_progress`, `dunning`, `collected`, `no_contact`, `address_suppressed`, `key_reused`.
    """
    content = ["invoice.remind", invoice_id]
    with transaction():
        demand(by, Permission.INVOICE_REMIND)
        invoice = _hold(invoice_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(OrderEmail, known["id"])
        if (refusal := _why_not(invoice) or reminders.why_not_by_hand(invoice_id)) is not None:
            raise refusal
        row = _send(invoice, None, cause=f"hand:{form_key}", by=by)
        if row is None:
            raise ValueError("a reminder by hand has no step that could be taken")
        audit.note("invoice.remind", invoice.number or "", by=Actor.of(by))
        forms.remember(form_key, content, id=row.email_id)
        return get(OrderEmail, row.email_id)


def stop(invoice_id: int, *, because: str, by: User) -> ReminderStop:
    """No reminder of this invoice goes out by itself any more. Stopping twice is stopping once.

    Raises Refusal: `not_permitted`, `not_open`, `reason_missing`.
    """
    with transaction():
        demand(by, Permission.INVOICE_REMIND)
        invoice = _hold(invoice_id)
        if not because.strip():
            raise Refusal("reason_missing", "Say why; it stays with the invoice.", status=422)
        if (known := stop_of(invoice_id)) is not None:
            return known
        if invoice.status not in OPEN:
            raise Refusal("not_open", NOTHING, number=invoice.number)
        row = insert_new(ReminderStop, invoice_id=invoice_id, because=because.strip(), stopped_by=by.name)
        if row is None:
            raise ValueError("stopped beside the lock of its invoice")
        invoice.record("reminders_stopped", by=Actor.of(by), because=row.because, number=invoice.number)
        audit.note("invoice.reminders_stop", invoice.number or "", by=Actor.of(by), after={"because": row.because})
        return row


def go_on(invoice_id: int, *, by: User) -> bool:
    """The policy holds again from the next step on; whether they were stopped. Raises Refusal `not_permitted`."""
    with transaction():
        demand(by, Permission.INVOICE_REMIND)
        invoice, row = _hold(invoice_id), stop_of(invoice_id)
        if row is None:
            return False
        row.ended_at, row.ended_by = clock.now(), by.name
        invoice.record("reminders_go_on", by=Actor.of(by), number=invoice.number)
        audit.note("invoice.reminders_go_on", invoice.number or "", by=Actor.of(by), before={"because": row.because})
        return True
