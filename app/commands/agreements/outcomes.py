"""What becomes of a period: its bill is paid or given up, or its charge failed. The agreement follows at once.

Called by those who settle invoices and end attempts, inside their transaction, with the account held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select

from ... import audit, clock
from ...db import know, notes
from ...models import SYSTEM, Actor, ActorKind, Attempt, Invoice, PaymentAgreement, Receipt, ScheduledPayment
from ...states import declines
from ...states.agreement import AgreementEvent
from ...states.attempt import AttemptStatus
from ...states.declines import Decline
from ...states.dunning import CaseEvent
from ...states.invoice import InvoiceStatus
from ...states.scheduled_payment import ScheduledEvent, ScheduledStatus
from ...states.subscription import SubscriptionEvent
from ..dunning import cases
from . import holding, versions

REST = timedelta(hours=1)
PERIODS, CASES = "periods", "periods with a case"
ENDS = {
    InvoiceStatus.PAID: ScheduledEvent.PAY,
    InvoiceStatus.CREDITED: ScheduledEvent.SKIP,
    InvoiceStatus.WRITTEN_OFF: ScheduledEvent.SKIP,
}


def bill_moved(invoice: Invoice, *, by: Actor) -> None:
    """The period of this invoice, if it is one's, is paid or given up with it."""
    event = ENDS.get(invoice.status)
    if event is None or invoice.order_id is not None:
        return
    known = notes().get(PERIODS)
    row = _one(ScheduledPayment.invoice_id, invoice.id) if known is None else known.get(invoice.id)
    if row is not None and row.can(event):
        row.transition(event, by=by, number=row.agreement.number, period=row.period)
        if row.id in notes().get(CASES, (row.id,)):
            cases.settled(row, paid=event is ScheduledEvent.PAY, by=by)
        catch_up(row.agreement, by=by)


def money_moved(receipt: Receipt, event: str, *, by: Actor, taken: Mapping[int, int] | None = None) -> None:
    """What was paid for a period was `given_back` or `charged_back`, `bounced`, or it `came_back`. The period stays
    charged, and its bill says what is owed. Told once for each receipt, by whoever writes it; of money that came for
    no payment order it is what was `taken` (minor units) from the bill, by invoice."""
    column, moved = ScheduledPayment.invoice_id, dict(taken or {})
    if receipt.payment_order_id is not None:
        column, moved = ScheduledPayment.payment_order_id, {receipt.payment_order_id: abs(receipt.amount)}
    for row in _some(column, list(moved)) if moved else ():
        about: dict[str, Any] = {"number": row.agreement.number, "period": row.period, "receipt": receipt.number}
        row.record(event, by=by, amount=moved[getattr(row, column.key)], currency=receipt.currency, **about)


def attempt_failed(attempt: Attempt, *, asked_payer: bool) -> None:
    """Of a charge that the schedule made. The customer's no makes the agreement past due; a gateway that was out of
    reach is none of theirs, so the period waits and is charged anew."""
    if attempt.actor_kind != ActorKind.SYSTEM or attempt.payment_order.agreement_id is None:
        return
    row = _one(ScheduledPayment.payment_order_id, attempt.payment_order_id)
    if row is None or row.status is not ScheduledStatus.COLLECTING:
        return
    if attempt.status is AttemptStatus.FAILED and not asked_payer:
        _unreached(row, attempt)
        return
    found = _explained(attempt, asked_payer)
    _failed(row, found)
    if found.stops_plan:
        cases.revoked(row, found)
        pause(row.agreement, because=found.staff)


def card_gone(row: ScheduledPayment, why: str) -> None:
    """It is due, and its card is known to be good for nothing: as a decline that asks for another card, without asking
    a bank."""
    _failed(row, declines.never_tried(why))


def unpaid(row: ScheduledPayment) -> None:
    """The customer was sent its bill with a link, and has not paid it by its day."""
    _failed(row, declines.UNPAID)


def _failed(row: ScheduledPayment, found: Decline) -> None:
    because = f"{found.staff} {found.staff_next}"
    row.transition(ScheduledEvent.FAIL, by=SYSTEM, because=because, number=row.agreement.number, period=row.period)
    if not cases.may_follow(row) or cases.declined(row, found):
        fall_behind(row.agreement, because=because)


def _unreached(row: ScheduledPayment, attempt: Attempt) -> None:
    """A first charge goes back to the schedule; one that was made again by dunning goes back there, if that goes on."""
    if cases.known(row):
        row.transition(ScheduledEvent.FAIL, by=SYSTEM, because=attempt.error, number=row.agreement.number)
        cases.unreached(row, rest=REST, because=attempt.error or "")
        return
    row.transition(ScheduledEvent.PUT_OFF, by=SYSTEM, because=attempt.error, period=row.period)
    row.held_until = clock.now() + REST


def _explained(attempt: Attempt, asked_payer: bool) -> declines.Decline:
    """A question of the bank that nobody answered is no decline of the card."""
    if asked_payer and attempt.decline_code not in declines.TABLE:
        return declines.explain("authentication_failed")
    return declines.explain(attempt.decline_code, attempt.advice)


def taken_up(attempt: Attempt) -> None:
    """The fallback charges what was just put off."""
    if attempt.actor_kind != ActorKind.SYSTEM or attempt.payment_order.agreement_id is None:
        return
    row = _one(ScheduledPayment.payment_order_id, attempt.payment_order_id)
    if row is not None and row.can(ScheduledEvent.COLLECT):
        row.transition(ScheduledEvent.COLLECT, by=SYSTEM, number=row.agreement.number, period=row.period)
        cases.taken_up(row)


def fall_behind(agreement: PaymentAgreement, *, because: str) -> None:
    if agreement.can(AgreementEvent.FALL_BEHIND):
        agreement.transition(AgreementEvent.FALL_BEHIND, by=SYSTEM, because=because, number=agreement.number)


def catch_up(agreement: PaymentAgreement, *, by: Actor) -> None:
    """Past due no longer once nothing of it has failed."""
    if agreement.can(AgreementEvent.CATCH_UP) and not holding.payments(agreement, ScheduledStatus.FAILED):
        agreement.transition(AgreementEvent.CATCH_UP, by=by, number=agreement.number)


def pause(agreement: PaymentAgreement, *, because: str) -> None:
    """Nothing more is tried until people have looked: the cardholder took the permission back, or dunning is over."""
    if agreement.can(AgreementEvent.PAUSE):
        agreement.transition(AgreementEvent.PAUSE, by=SYSTEM, because=because, number=agreement.number)
        holding.move_subscriptions(agreement, SubscriptionEvent.PAUSE, by=SYSTEM, because=because)
        audit.note("agreement.pause", agreement.number, by=SYSTEM, after={"because": because})
        cases.agreement_ends(agreement, CaseEvent.PAUSE, by=SYSTEM, because=because)
        versions.write(agreement, f"Paused: {because}"[:500], by=SYSTEM)


def foresee(invoice_ids: Sequence[int]) -> None:
    """As `bill_moved` will ask, for all bills that move in the open transaction."""
    rows = _some(ScheduledPayment.invoice_id, invoice_ids)
    notes()[PERIODS] = {row.invoice_id: row for row in rows}
    notes()[CASES] = cases.open_among([row.id for row in rows])


def _one(column: Any, id: int) -> ScheduledPayment | None:
    return next(iter(_some(column, [id])), None)


def _some(column: Any, ids: Sequence[int]) -> list[ScheduledPayment]:
    """As they are now, with their agreements: whoever writes either holds the account."""
    return know(_periods(column), ids_=list(ids))


@cache
def _periods(column: Any) -> Any:
    query = select(ScheduledPayment, PaymentAgreement).join(
        PaymentAgreement, PaymentAgreement.id == ScheduledPayment.agreement_id
    )
    wanted = column.in_(bindparam("ids_", expanding=True))
    return query.where(wanted).execution_options(populate_existing=True)
