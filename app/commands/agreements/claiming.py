"""The claim of due periods: what is looked at under the locks before any of them is charged, and the rows of each.

Many at once or one alone, by the same functions. What they read is read for all of them beforehand, and what they add
is written together, so that the number of statements hardly depends on how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select

from ... import audit, clock, numbering, settings
from ...ahead import new, number_ahead
from ...db import get, know_by, lock, lock_all, read_columns, transaction
from ...failpoints import failpoint
from ...logs import log
from ...models import (
    SYSTEM,
    Address,
    Attempt,
    CollectionMethod,
    Company,
    Document,
    IntentPurpose,
    Invoice,
    InvoiceLine,
    PaymentAgreement,
    PaymentIntent,
    PaymentOrder,
    PaymentOrderLine,
    ScheduledPayment,
    StagedJob,
)
from ...queries import routes
from ...queries.agreements import verdict
from ...states.invoice import Standing
from ...states.scheduled_payment import ScheduledEvent, ScheduledStatus
from ...values import Value
from ..payments import claims, payment_links
from ..payments.claims import Instrument
from ..post import mails, papers
from ..receivables import period_invoices
from . import holding, outcomes

CHECKOUT = timedelta(hours=1)
REST = timedelta(minutes=10)
AGREEMENTS = select(ScheduledPayment.agreement_id).where(
    ScheduledPayment.id.in_(bindparam("payment_ids_", expanding=True))
)
# In the order in which they name each other.
WRITTEN = (
    *(Invoice, InvoiceLine, Document, StagedJob),
    *(PaymentOrder, PaymentOrderLine, PaymentIntent, Attempt),
)


class Claimed(Value):
    """The payments that are asked for now, and the attempts to send where a card is charged."""

    payments: Sequence[int]
    attempts: Sequence[int]


class _Table(Value):
    """What every charge of a claim looks at."""

    routes: Sequence[routes.RouteRow]
    cards: claims.Cards


def claim(payment_ids: Sequence[int]) -> Claimed:
    """Those that may be asked for now; what waits for another card than its own has failed by this, and of the others
    nothing is left. Each is of another agreement. Raises what `claims` raises: nothing is left of any of them then."""
    with transaction():
        number_ahead(*WRITTEN)
        payments = [row for row in _held(payment_ids) if _may_be_asked_for(row)]
        live, cardless = _judged(payments)
        unbilled = [row for row in (*live, *cardless) if row.payment_order_id is None]
        table = _table(live)
        bills = _bill(unbilled)
        attempts = _ask(live, unbilled, bills, table)
        for row, why in cardless.items():
            _give_up(row, why)
        failpoint("agreement.before_claim_commits")
    return Claimed([row.id for row in live], attempts)


def _held(payment_ids: Sequence[int]) -> list[ScheduledPayment]:
    """As they are now, with their accounts, orders and agreements, in the fixed order."""
    held = holding.hold_all(read_columns(AGREEMENTS, payment_ids_=list(payment_ids)).scalars().all())
    places = {place for row in held for place in _places(row)}
    know_by(Address.id, places)
    return lock_all(ScheduledPayment, payment_ids)


def _places(row: PaymentAgreement) -> Iterable[int | None]:
    return row.account.billing_address_id, row.order.billing_address_id if row.order else None


def _may_be_asked_for(row: ScheduledPayment) -> bool:
    return row.status is ScheduledStatus.SCHEDULED and row.due_at <= clock.now()


def _judged(payments: Sequence[ScheduledPayment]) -> tuple[list[ScheduledPayment], dict[ScheduledPayment, str]]:
    """Those that are asked for now, and those whose card is good for nothing, with why; the others wait."""
    found = verdict.of_all([row.agreement_id for row in payments])
    live, cardless = [], {}
    for row in payments:
        judged = found[row.agreement_id]
        if judged.live:
            live.append(row)
            continue
        log.warning("agreement.not_collected", scheduled_payment=row.id, because=f"not_live: {judged.reason}")
        if judged.needs_card:
            cardless[row] = judged.no_card
        else:
            row.held_until = clock.now() + REST  # so that it is in nobody's way
    return live, cardless


def _give_up(row: ScheduledPayment, why: str) -> None:
    """What no waiting helps is a failed period, whose customer is asked for another card."""
    bill = get(Invoice, row.invoice_id)
    papers.invoice(bill, Standing(bill.gross))
    outcomes.card_gone(row, why)


def _bill(payments: Sequence[ScheduledPayment]) -> dict[ScheduledPayment, Document]:
    """The invoice and the payment order of each, made once; a period that was put off has them already. The paper of
    those that go out to be paid by a link; where a card is charged it is written once that is answered."""
    found = {}
    with numbering.ahead("invoice", len(payments)), numbering.ahead("payment_order", len(payments)):
        for row in payments:
            bill = _invoice(row)
            row.payment_order_id, row.invoice_id = _payment_order(row, bill).id, bill.id
            if row.agreement.collection is not CollectionMethod.SAVED_METHOD:
                found[row] = papers.invoice(bill, Standing(bill.gross))
    return found


def _invoice(payment: ScheduledPayment) -> Invoice:
    return period_invoices.issue(payment.agreement, payment, by=SYSTEM)


def _payment_order(payment: ScheduledPayment, invoice: Invoice) -> PaymentOrder:
    agreement = payment.agreement
    covers = period_invoices.span(payment.covers_from, payment.covers_to)
    purpose = f"Agreement {agreement.number}, {covers}"
    row = new(
        PaymentOrder,
        number=numbering.take("payment_order"),
        account_id=agreement.account_id,
        account=agreement.account,
        contact_id=agreement.contact_id,
        agreement_id=agreement.id,
        invoice_id=invoice.id,
        purpose=purpose,
        amount=payment.amount,
        currency=payment.currency,
        due_date=invoice.due_date,
        collection=agreement.collection,
    )
    new(PaymentOrderLine, payment_order_id=row.id, description=purpose, amount=payment.amount)
    row.record("created", by=SYSTEM, number=row.number, amount=row.amount, currency=row.currency, purpose=purpose)
    audit.note("payment_order.create", row.number, by=SYSTEM, after={"amount": row.money})
    return row


def _table(payments: Sequence[ScheduledPayment]) -> _Table:
    """Read before the first row is added, as every later read would write out what waits by then."""
    get(Company, 1)
    settings.fresh(settings.ATTEMPT_LIMIT)
    return _Table(routes.load(), claims.cards(row.agreement.method_id for row in payments))


def _ask(
    payments: Sequence[ScheduledPayment],
    unbilled: Sequence[ScheduledPayment],
    bills: Mapping[ScheduledPayment, Document],
    table: _Table,
) -> list[int]:
    """The attempts to send. Their rows are the last thing before the gateway hears of them (invariant 9)."""
    attempts = []
    for row in payments:
        row.transition(ScheduledEvent.COLLECT, by=SYSTEM, number=row.agreement.number, period=row.period)
        asked = get(PaymentOrder, row.payment_order_id)
        before, asked.collection = asked.collection, row.agreement.collection
        if asked.collection is CollectionMethod.PAYMENT_LINK:
            if before is not asked.collection:  # put off, and asked for another way now: the bill begins today
                bill = get(Invoice, row.invoice_id)
                period_invoices.put_off(bill, row.agreement, by=SYSTEM)
                asked.due_date = bill.due_date
            until = payment_links.new_end(asked)
            intent = _intent(asked, IntentPurpose.LINK, until, row in unbilled)
            mails.payment_link(intent, bill=bills.get(row), by=SYSTEM)
        else:
            attempts.append(_attempt(row.agreement, asked, table, row in unbilled))
    return attempts


def _intent(asked: PaymentOrder, purpose: IntentPurpose, until: datetime, first: bool) -> PaymentIntent:
    """Of a payment order that was made just now nothing can be paid yet, and nothing else asks for it."""
    if first:
        return payment_links.new_intent(asked, purpose, until, asked.amount, by=SYSTEM)
    return payment_links.open_intent(asked, purpose, until, by=SYSTEM)


def _attempt(agreement: PaymentAgreement, asked: PaymentOrder, table: _Table, first: bool) -> int:
    intent = _intent(asked, IntentPurpose.STAFF, clock.now() + CHECKOUT, first)
    if not first:
        claims.refuse_unless_payable(intent, lock(PaymentOrder, asked.id), None)
    way = claims.way_of(intent, by_itself=True, among=table.routes)
    pay_with = Instrument(method_id=agreement.method_id)
    return claims.write(intent, asked, pay_with, way, by=SYSTEM, cards=table.cards).id
