"""Collecting what is due of agreements: taken in batches, then claimed and charged one by one.

Taking only keeps parallel runs off each other's payments. The claim decides: in its transaction setting, state and
verdict are looked at under the locks, and bill and attempt are written, so that nothing is charged once a pause, a
cancellation or a switched-off setting has committed (invariant 18), and each period once (invariant 17). What the
claim committed is then charged by the charge protocol, whose sweeper finishes what a crash cut short.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import aliased

from ... import audit, clock, jobs, numbering, settings
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...failpoints import failpoint
from ...logs import log
from ...models import (
    SYSTEM,
    CollectionMethod,
    IntentPurpose,
    Invoice,
    PaymentAgreement,
    PaymentIntent,
    PaymentOrder,
    PaymentOrderLine,
    ScheduledPayment,
)
from ...queries.agreements import verdict
from ...states.agreement import AgreementStatus
from ...states.invoice import OPEN
from ...states.scheduled_payment import UNSETTLED, ScheduledEvent, ScheduledStatus
from ..payments import charges, claims, payment_links
from ..payments.claims import Instrument
from ..post import mails, papers
from ..receivables import period_invoices
from . import holding, outcomes

BATCH, MOST = 50, 500
DAY = timedelta(days=1)
LEASE = timedelta(minutes=10)
CHECKOUT = timedelta(hours=1)


@jobs.tick("agreements.charge_due", every=timedelta(minutes=1))
def run() -> int:
    """How many periods were asked for. Of one agreement the earliest period comes first, and a later one only once it
    is settled; what cannot be asked for now comes back when its lease is over."""
    done, left = 0, MOST
    while left > 0 and (ids := take(min(BATCH, left))):
        left -= len(ids)
        failpoint("agreement.taken")
        done += jobs.each("agreements.charge_due", ids, collect)
    return done


def take(most: int) -> list[int]:
    """Payments that are due, for whoever asks first; the others are passed over, not waited for. After a standstill an
    agreement is asked for only so much a day."""
    earlier, now = aliased(ScheduledPayment), clock.now()
    unsettled = select(earlier.id).where(
        earlier.agreement_id == ScheduledPayment.agreement_id,
        earlier.period < ScheduledPayment.period,
        earlier.status.in_(UNSETTLED),
    )
    lately = (
        select(func.count())
        .where(PaymentOrder.agreement_id == PaymentAgreement.id, PaymentOrder.created_at > now - DAY)
        .correlate(PaymentAgreement)
        .scalar_subquery()
    )
    due = (
        select(ScheduledPayment.id)
        .join(PaymentAgreement, PaymentAgreement.id == ScheduledPayment.agreement_id)
        .where(
            ScheduledPayment.status == ScheduledStatus.SCHEDULED,
            ScheduledPayment.due_at <= now,
            or_(ScheduledPayment.held_until.is_(None), ScheduledPayment.held_until <= now),
            PaymentAgreement.status == AgreementStatus.ACTIVE,
            ~unsettled.exists(),
            lately < bindparam("most_a_day"),
        )
        .order_by(ScheduledPayment.due_at, ScheduledPayment.id)
        .limit(most)
        .with_for_update(skip_locked=True, of=ScheduledPayment)
    )
    with transaction() as session:
        if not settings.fresh(settings.RECURRING):
            return []
        ids = list(session.scalars(due, {"most_a_day": settings.fresh(settings.CATCH_UP)}))
        if ids:
            session.execute(update(ScheduledPayment).where(ScheduledPayment.id.in_(ids)).values(held_until=now + LEASE))
        return ids


def collect(payment_id: int) -> bool:
    """Ask for one payment; False where it may not be asked for now, and waits."""
    try:
        claimed, attempt_id = claim(payment_id)
    except Refusal as refusal:
        log.warning("agreement.not_collected", scheduled_payment=payment_id, because=refusal.code)
        return False
    if attempt_id is not None:
        failpoint("agreement.claimed")
        charges.execute(attempt_id)
    return claimed


def claim(payment_id: int) -> tuple[bool, int | None]:
    """Whether it is asked for now, and the attempt to send where a card is charged. Raises Refusal `not_live` and what
    `claims` raises: nothing is left of it then."""
    with transaction():
        payment = get(ScheduledPayment, payment_id)
        agreement = holding.hold(payment.agreement_id)
        db.session.refresh(payment)
        if payment.status is not ScheduledStatus.SCHEDULED or payment.due_at > clock.now():
            return False, None
        verdict.refuse_unless_live(agreement.id)
        payment_order = _bill(agreement, payment)
        payment.transition(ScheduledEvent.COLLECT, by=SYSTEM, number=agreement.number, period=payment.period)
        if agreement.collection is CollectionMethod.PAYMENT_LINK:
            attempt_id = None
            _send_link(payment_order)
        else:
            attempt_id = _attempt(agreement, payment_order)
        failpoint("agreement.before_claim_commits")
    return True, attempt_id


def _bill(agreement: PaymentAgreement, payment: ScheduledPayment) -> PaymentOrder:
    """The invoice and the payment order of the period, made once; a period that was put off has them already."""
    if payment.payment_order_id is not None:
        return get(PaymentOrder, payment.payment_order_id)
    invoice = period_invoices.issue(agreement, payment, by=SYSTEM)
    papers.invoice(invoice)
    row = _payment_order(agreement, payment, invoice)
    payment.payment_order_id, payment.invoice_id = row.id, invoice.id
    return row


def _payment_order(agreement: PaymentAgreement, payment: ScheduledPayment, invoice: Invoice) -> PaymentOrder:
    covers = period_invoices.span(payment.covers_from, payment.covers_to)
    purpose = f"Agreement {agreement.number}, {covers}"
    row = PaymentOrder(
        number=numbering.take("payment_order"),
        account_id=agreement.account_id,
        contact_id=agreement.contact_id,
        agreement_id=agreement.id,
        invoice_id=invoice.id,
        purpose=purpose,
        amount=payment.amount,
        currency=payment.currency,
        due_date=invoice.due_date,
        collection=agreement.collection,
        lines=[PaymentOrderLine(description=purpose, amount=payment.amount)],
    )
    db.session.add(row)
    row.record("created", by=SYSTEM, number=row.number, amount=row.amount, currency=row.currency, purpose=purpose)
    audit.note("payment_order.create", row.number, by=SYSTEM, after={"amount": row.money})
    return row


def _send_link(payment_order: PaymentOrder) -> None:
    life = timedelta(days=settings.fresh(settings.PAYMENT_LINK_DAYS))
    mails.payment_link(_intent(payment_order, IntentPurpose.LINK, life), by=SYSTEM)


def _intent(payment_order: PaymentOrder, purpose: IntentPurpose, life: timedelta) -> PaymentIntent:
    return payment_links.open_intent(payment_order, purpose, clock.now() + life, by=SYSTEM)


def _attempt(agreement: PaymentAgreement, payment_order: PaymentOrder) -> int:
    """Its row is the last thing before the gateway hears of it (invariant 9)."""
    intent = _intent(payment_order, IntentPurpose.STAFF, CHECKOUT)
    payment_order = lock(PaymentOrder, payment_order.id)
    claims.refuse_unless_payable(intent, payment_order, None)
    way = claims.way_of(intent, by_itself=True)
    attempt = claims.write(intent, payment_order, Instrument(method_id=agreement.method_id), way, by=SYSTEM)
    return attempt.id


@jobs.tick("agreements.fall_behind", every=timedelta(minutes=15))
def fall_behind() -> int:
    """Periods that the customer was sent a link for and has not paid by their invoice's day. Returns how many."""
    yesterday = clock.now().date() - timedelta(days=1)
    late = db.session.scalars(
        select(ScheduledPayment.id)
        .join(PaymentAgreement, PaymentAgreement.id == ScheduledPayment.agreement_id)
        .join(Invoice, Invoice.id == ScheduledPayment.invoice_id)
        .where(ScheduledPayment.status == ScheduledStatus.COLLECTING, Invoice.status.in_(OPEN))
        .where(PaymentAgreement.collection == CollectionMethod.PAYMENT_LINK, Invoice.due_date <= yesterday)
    ).all()
    return jobs.each("agreements.fall_behind", late, _late)


def _late(payment_id: int) -> bool:
    with transaction():
        payment = get(ScheduledPayment, payment_id)
        agreement = holding.hold(payment.agreement_id)
        db.session.refresh(payment)
        due = get(Invoice, payment.invoice_id).due_date
        if payment.status is not ScheduledStatus.COLLECTING or due is None or due >= clock.today(agreement.zone):
            return False
        outcomes.fail(payment, because="The invoice was not paid by its day.")
        return True
