"""Doing the steps of dunning as they fall due: taken in batches, then claimed and done one by one.

Taking only keeps parallel runs off each other's steps. The claim decides, under the locks: a case that has ended, a
step that was done or a period that is being paid is left alone, so that each step is done once whatever runs twice. A
retry writes its attempt in the claim, for the invoice and the payment order of its period, and is charged by the
charge protocol, whose sweeper finishes what a crash cut short.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import or_, select, tuple_, update
from sqlalchemy.orm import aliased

from ... import clock, jobs
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...failpoints import failpoint
from ...logs import log
from ...models import (
    SYSTEM,
    Account,
    CollectionMethod,
    Contact,
    DunningCase,
    DunningStep,
    GatewayState,
    PaymentAgreement,
    PaymentMethod,
    PaymentOrder,
    ScheduledPayment,
)
from ...queries import routes
from ...queries.agreements import verdict
from ...states import declines
from ...states.agreement import AgreementEvent
from ...states.declines import DeclineClass
from ...states.dunning import Action, CaseEvent, CaseStatus, Ending
from ...states.scheduled_payment import ScheduledEvent, ScheduledStatus
from ..agreements import ending, holding, outcomes
from ..methods import method_requests
from ..payments import charges, claims
from ..payments.claims import Instrument
from ..post import dunning_mails
from . import cases, checkouts

BATCH, MOST = 50, 500
LEASE = timedelta(minutes=10)
REST = timedelta(minutes=15)


@jobs.tick("dunning.take_due", every=timedelta(minutes=1))
def run() -> int:
    """How many steps were done; of one story only the first that waits."""
    done, left = 0, MOST
    while left > 0 and (ids := take(min(BATCH, left))):
        left -= len(ids)
        failpoint("dunning.taken")
        done += jobs.each("dunning.take_due", ids, do)
    return done


def take(most: int) -> list[int]:
    """Steps that are due, for whoever asks first; the others are passed over, not waited for."""
    earlier, now = aliased(DunningStep), clock.now()
    before = select(earlier.id).where(
        earlier.case_id == DunningStep.case_id,
        earlier.done_at.is_(None),
        earlier.dropped_at.is_(None),
        tuple_(earlier.due_at, earlier.position) < tuple_(DunningStep.due_at, DunningStep.position),
    )
    due = (
        select(DunningStep.id)
        .join(DunningCase, DunningCase.id == DunningStep.case_id)
        .where(DunningStep.done_at.is_(None), DunningStep.dropped_at.is_(None), DunningStep.due_at <= now)
        .where(or_(DunningStep.held_until.is_(None), DunningStep.held_until <= now))
        .where(DunningCase.status == CaseStatus.OPEN, ~before.exists())
        .order_by(DunningStep.due_at, DunningStep.id)
        .limit(most)
        .with_for_update(skip_locked=True, of=DunningStep)
    )
    with transaction() as session:
        ids = list(session.scalars(due))
        if ids:
            session.execute(update(DunningStep).where(DunningStep.id.in_(ids)).values(held_until=now + LEASE))
        return ids


def do(step_id: int) -> bool:
    """Whether it was done; where it cannot be done now it says why, and waits."""
    try:
        return now(step_id)
    except Refusal as refusal:
        log.warning("dunning.waits", step=step_id, because=refusal.code)
        HINDERED.get(refusal.code, _wait)(step_id, refusal)
        return False


def now(step_id: int) -> bool:
    """As `do`; raises the Refusal of what keeps it from being done."""
    done, attempt_id = _claim(step_id)
    if attempt_id is not None:
        failpoint("dunning.claimed")
        charges.execute(attempt_id)
    return done


def _claim(step_id: int) -> tuple[bool, int | None]:
    """Whether it is done with this, and the attempt to send where a card is charged again."""
    with transaction():
        case = get(DunningStep, step_id).case
        agreement = holding.hold(case.agreement_id)
        current = cases.open_of(case.payment)
        step = next((x for x in cases.waiting(current) if x.id == step_id), None) if current is not None else None
        if step is None or step.due_at > clock.now():
            return False, None
        cases.shift(step.case, step)
        step.done_at, step.held_until, step.note = clock.now(), None, ""
        attempt_id = DOING[step.action](step, agreement)
        failpoint("dunning.before_claim_commits")
        return True, attempt_id


def _wait(step_id: int, refusal: Refusal) -> None:
    with transaction():
        step = _still_waiting(step_id)
        if step is not None:
            step.held_until, step.note = clock.now() + REST, refusal.sentence[:500]


def _pass_over(step_id: int, refusal: Refusal) -> None:
    """No mail can reach the customer: what follows comes on its days all the same, and the owner hears of it."""
    with transaction():
        step = _still_waiting(step_id)
        if step is not None:
            because = _("The customer could not be mailed: %(reason)s", reason=refusal.sentence)
            cases.drop(step, because)
            _tell_owner(step, step.case.payment, because, always=True)


def _wait_for_the_next(step_id: int, refusal: Refusal) -> None:
    """People can have the card brought over to the gateway that charges it, or a route opened, until the policy goes on
    without. A gateway that is out of order is waited for, as nobody could do anything meanwhile."""
    with transaction():
        step = _still_waiting(step_id)
        following = [x for x in cases.waiting(step.case) if x.id != step.id] if step is not None else []
        if step is not None and following and following[0].due_at <= clock.now() and not _is_down(step):
            cases.drop(step, refusal.sentence)
            _tell_owner(step, step.case.payment, refusal.sentence, always=True)
            return
    _wait(step_id, refusal)


def _is_down(step: DunningStep) -> bool:
    """The gateway that takes what the customer pays by themselves."""
    wanted = routes.wanted(step.case.agreement.account_id, step.case.payment.money, recurring=True)
    way = routes.find(routes.load(), wanted)
    return way is not None and way.gateway.state is GatewayState.UNAVAILABLE


HINDERED = dict.fromkeys(("address_suppressed", "address_invalid", "no_contact"), _pass_over)
HINDERED |= dict.fromkeys(("card_elsewhere", "no_route"), _wait_for_the_next)


def _still_waiting(step_id: int) -> DunningStep | None:
    """As it is now, its agreement held."""
    case = get(DunningStep, step_id).case
    holding.hold(case.agreement_id)
    return next((x for x in cases.waiting(case) if x.id == step_id), None)


def _period(step: DunningStep) -> ScheduledPayment:
    """As it is now. Raises Refusal `being_paid`."""
    payment = db.session.get_one(ScheduledPayment, step.case.scheduled_payment_id, populate_existing=True)
    if payment.status is not ScheduledStatus.FAILED:
        raise Refusal("being_paid", "The period is being charged at this moment; its outcome is not known yet.")
    return payment


def _retry(step: DunningStep, agreement: PaymentAgreement) -> int | None:
    payment = _period(step)
    gone = _why_not_this_card(agreement, payment)
    if gone:
        _ask_instead(step, agreement, gone)
        return None
    verdict.refuse_unless_retryable(agreement.id, payment.money)
    payment_order = get(PaymentOrder, payment.payment_order_id)
    intent = checkouts.for_charge(payment_order)
    payment_order = lock(PaymentOrder, payment_order.id)
    claims.refuse_unless_payable(intent, payment_order, None)
    way = claims.way_of(intent, by_itself=True)
    attempt = claims.write(intent, payment_order, Instrument(method_id=agreement.method_id), way, by=SYSTEM)
    db.session.flush()
    payment.transition(ScheduledEvent.COLLECT, by=SYSTEM, number=agreement.number, period=payment.period)
    step.attempt_id = attempt.id
    return attempt.id


def _why_not_this_card(agreement: PaymentAgreement, payment: ScheduledPayment) -> str:
    if agreement.collection is not CollectionMethod.SAVED_METHOD:
        return _("It is collected by invoice now.")
    return verdict.why_card_is_gone(agreement.id, payment.money)


def _ask_instead(step: DunningStep, agreement: PaymentAgreement, reason: str) -> None:
    """No card is there to charge: the customer is asked for one, or to pay where cards are not how they pay."""
    step.done_at = None
    cases.drop(step, reason)
    by_card = agreement.collection is CollectionMethod.SAVED_METHOD
    found = declines.explain("expired_card" if by_card else "authentication_required")
    cases.turn(step.case, found)
    step.case.reason = reason


def _authenticate(step: DunningStep, agreement: PaymentAgreement) -> None:
    payment = _period(step)
    intent = checkouts.for_mail(get(PaymentOrder, payment.payment_order_id))
    by_card = agreement.collection is CollectionMethod.SAVED_METHOD
    asked_by_bank = by_card and step.case.kind is DeclineClass.AUTHENTICATE and not cases.by_bill(payment)
    dunning_mails.confirm(step, intent, bank_asks=asked_by_bank)
    _tell_owner(step, payment, _("The customer was mailed a link to pay."))


def _new_method(step: DunningStep, agreement: PaymentAgreement) -> None:
    payment = _period(step)
    if agreement.collection is not CollectionMethod.SAVED_METHOD and not step.asked_by:
        _ask_for_money(step, agreement, _why_not_this_card(agreement, payment))
        return
    account = get(Account, agreement.account_id)
    contact_id = agreement.contact_id or account.billing_contact_id
    if contact_id is None:
        raise Refusal("no_contact", "There is nobody to write to.", "Choose a billing contact on the account.")
    route = routes.choose(routes.wanted(account.id, payment.money, recurring=True)).route
    request = method_requests.of_ours(account, get(Contact, contact_id), route.id)
    db.session.flush()
    declined = cases.declined_card(payment) or agreement.method_id
    card = get(PaymentMethod, declined).label if declined is not None else ""
    dunning_mails.card_needed(step, request, get(PaymentOrder, payment.payment_order_id), card=card)
    _tell_owner(step, payment, _("The customer was mailed a link to add a card."))


def _ask_for_money(step: DunningStep, agreement: PaymentAgreement, reason: str) -> None:
    """In place of a card, which the customer is not to pay with any more."""
    if step.case.kind is DeclineClass.AUTHENTICATE:
        step.action = Action.AUTHENTICATE
        _authenticate(step, agreement)
    else:
        _ask_instead(step, agreement, reason)


def _past_due(step: DunningStep, agreement: PaymentAgreement) -> None:
    if agreement.can(AgreementEvent.FALL_BEHIND):
        outcomes.fall_behind(agreement, because=step.case.reason)


def _stop(step: DunningStep, agreement: PaymentAgreement) -> None:
    """The end of the policy; what was invoiced stays due, and its link goes on taking it."""
    payment, case = _period(step), step.case
    wanted = case.policy_version.plan.ending
    if step.tell_customer:
        _say_goodbye(step, payment, wanted)
    because = _("Dunning ended without a payment.")
    if wanted is Ending.CANCEL:
        ending.cancel_now(agreement, by=SYSTEM, because=because)
    elif wanted is Ending.PAUSE:
        outcomes.pause(agreement, because=because)
    if case.status is CaseStatus.OPEN:
        cases.end(case, CaseEvent.STOP, by=SYSTEM, because=because)
    _tell_owner(step, payment, ended(wanted))


def _say_goodbye(step: DunningStep, payment: ScheduledPayment, wanted: Ending) -> None:
    """The end comes whether or not anybody can be told."""
    payment_order = get(PaymentOrder, payment.payment_order_id)
    try:
        dunning_mails.stopped(step, checkouts.for_mail(payment_order), wanted)
    except Refusal as refusal:
        step.note = _("Not mailed: %(reason)s", reason=refusal.sentence)[:500]


def ended(wanted: Ending) -> str:
    return {
        Ending.PAUSE: _("Agreement and subscription are paused."),
        Ending.CANCEL: _("Agreement and subscription are cancelled."),
        Ending.LEAVE: _("Nothing more is tried by itself; the agreement stays past due."),
    }[wanted]


def _tell_owner(step: DunningStep, payment: ScheduledPayment, done: str, *, always: bool = False) -> None:
    if step.tell_owner or always:
        following = next(iter(cases.waiting(step.case)), None)
        dunning_mails.owner(step, payment, following=following, now=done)


DOING: dict[Action, Callable[[DunningStep, PaymentAgreement], int | None]] = {
    Action.RETRY: _retry,
    Action.AUTHENTICATE: _authenticate,
    Action.NEW_METHOD: _new_method,
    Action.PAST_DUE: _past_due,
    Action.STOP: _stop,
}
