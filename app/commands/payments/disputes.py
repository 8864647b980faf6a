"""Payments that their cardholders contest: recorded by hand or heard from the gateway, answered, given in to.

What the gateway says when asked is what is written down, in whatever order its events come. Money that a bank takes,
charges or gives back is a row of evidence; what it keeps for good leaves the receivables.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select

from ... import audit, clock, forms, jobs
from ...access import Permission, demand
from ...db import db, end_read, get, lock, transaction
from ...errors import Refusal
from ...gateways import registry
from ...gateways.base import Gateway as GatewayAdapter
from ...gateways.base import GatewayUnreachable
from ...gateways.disputes import DisputeFacts, DisputePhase, Evidence
from ...language import marked
from ...models import (
    SYSTEM,
    Account,
    Actor,
    Attempt,
    Dispute,
    DisputeEntryKind,
    Gateway,
    History,
    PaymentOrder,
    SalesOrder,
    Symptom,
    Transaction,
    TransactionAction,
    User,
)
from ...models.dispute import PRINCIPAL
from ...money import CurrencyMismatch, Money
from ...states.dispute import DisputeEvent, DisputeStatus
from ...values import Value
from ..office import escalations
from . import dispute_course as course
from . import movements

E, S, K = DisputeEvent, DisputeStatus, DisputeEntryKind
REMIND_BEFORE = timedelta(days=5)
MOST_ASKED = 5


class Letter(Value):
    """What the bank's letter says. `provider_id`: the gateway's own name of the dispute, if it gives one."""

    amount: Money
    reason: str
    due_by: datetime | None
    inquiry: bool
    provider_id: str | None


def record(transaction_id: int, letter: Letter, *, form_key: str, by: User) -> Dispute:
    """Raises Refusal: `not_permitted`, `not_captured`, `not_positive`, `wrong_currency`, `more_than_captured`,
    `recorded`, `key_reused`."""
    content = ["dispute", transaction_id, letter.amount.minor, letter.reason, letter.inquiry, letter.provider_id]
    with transaction():
        demand(by, Permission.DISPUTE_RECORD)
        capture, order = movements.lock_chain(transaction_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(Dispute, known["id"])
        _refuse(capture, letter)
        row = course.open_row(capture, letter.amount, letter.reason, clock.now(), letter.due_by, letter.inquiry)
        row.provider_id, row.recorded_by_id = letter.provider_id or None, by.id
        if not letter.inquiry:
            course.enter(row, K.DEBIT, row.money, course.by_hand(row))
        course.opened(row, order, by=Actor.of(by))
        course.settle(row, order, by=Actor.of(by))
        forms.remember(form_key, content, id=row.id)
        return row


def _refuse(capture: Transaction, letter: Letter) -> None:
    if capture.action not in movements.CAPTURES:
        raise Refusal("not_captured", "Nothing was captured here, so nobody can dispute it.")
    others = _others(capture)
    left = capture.amount - sum(x.amount for x in others if not x.inquiry)
    if (number := _recorded(capture, others, letter)) is not None:
        raise Refusal(
            "recorded",
            "This dispute is here already: %(number)s.",
            "If the bank contests the same amount twice, enter the number that the gateway gave this one.",
            number=number,
        )
    whole = left == capture.amount
    only = marked("Only %(left)s was captured.") if whole else marked("Only %(left)s of it is not disputed yet.")
    movements.check_amount(capture, letter.amount, left, "more_than_captured", only)


def _others(capture: Transaction) -> list[Dispute]:
    """What banks contest of the capture, or have kept of it."""
    query = select(Dispute).where(Dispute.transaction_id == capture.id, Dispute.status != S.WON)
    return list(db.session.scalars(query.order_by(Dispute.id)))


def _recorded(capture: Transaction, others: list[Dispute], letter: Letter) -> str | None:
    """By the gateway's number where both have one; else two people have the same letter before them."""
    said = (letter.amount.minor, letter.inquiry)
    for row in others:
        if (row.amount, row.inquiry) == said and not (row.provider_id and letter.provider_id):
            return row.number
    named = (Dispute.gateway_id == capture.gateway_id) & (Dispute.provider_id == letter.provider_id)
    return db.session.scalar(select(Dispute.number).where(named)) if letter.provider_id else None


class Outrun(Exception):
    """Newer news was written down while the gateway was asked."""


def hear(gateway_id: int, provider_id: str) -> Dispute | None:
    """The gateway has news of a dispute: ask, and write down what it says. None: of no payment of ours.

    Asked once more where somebody else wrote down news meanwhile: an older answer never undoes a newer one.
    """
    for _ in range(MOST_ASKED):
        seen = _newest(gateway_id, provider_id)
        gateway = registry.for_account(registry.account_of(get(Gateway, gateway_id)))
        end_read()
        facts = gateway.dispute(provider_id)
        try:
            return write(gateway_id, facts, seen=seen) if facts is not None else None
        except Outrun:
            continue
    raise Outrun(f"{provider_id} moves faster than it can be asked about")


def _newest(gateway_id: int, provider_id: str) -> int:
    """The id of the last thing that happened to the dispute here; 0 while it is unknown."""
    query = (
        select(func.max(History.id))
        .join(Dispute, (History.entity == Dispute.__tablename__) & (History.entity_id == Dispute.id))
        .where(Dispute.gateway_id == gateway_id, Dispute.provider_id == provider_id)
    )
    return db.session.scalar(query) or 0


def write(
    gateway_id: int,
    facts: DisputeFacts,
    *,
    event: DisputeEvent | None = None,
    by: Actor = SYSTEM,
    seen: int | None = None,
) -> Dispute | None:
    """What the gateway says of a dispute, committed. `event`: what we have just done about it, which it confirms;
    `seen`: what was the newest when it was asked. Raises Outrun."""
    with transaction():
        capture_id = db.session.scalar(
            select(Transaction.id)
            .join(Attempt, Attempt.id == Transaction.attempt_id)
            .where(
                Attempt.gateway_id == gateway_id,
                Attempt.provider_id == facts.charge_id,
                Transaction.action.in_((TransactionAction.CHARGE, TransactionAction.CAPTURE)),
            )
        )
        if capture_id is None:
            return None
        capture, order = movements.lock_chain(capture_id)
        if seen is not None and _newest(gateway_id, facts.provider_id) != seen:
            raise Outrun(facts.provider_id)
        _same_currency(facts, capture)
        row = _known(gateway_id, facts, capture)
        if row is None:
            row = course.open_row(capture, facts.amount, facts.reason, facts.opened_at, facts.due_by, facts.inquiry)
            row.provider_id = facts.provider_id
            course.opened(row, order, by=by)
        row = lock(Dispute, row.id)
        before = _newest(gateway_id, facts.provider_id)
        _follow(row, order, facts, event, by)
        course.settle(row, order, by=by, moved=_newest(gateway_id, facts.provider_id) != before)
        return row


def _same_currency(facts: DisputeFacts, capture: Transaction) -> None:
    """What the customer paid and what is contested of it is one currency, whatever the gateway settles in. Raises
    CurrencyMismatch: the event is kept and shown as failed (invariant 15)."""
    principal = [m.amount for m in facts.movements if DisputeEntryKind(m.kind.value) in PRINCIPAL]
    for amount in (facts.amount, *principal):
        if amount.currency != capture.currency:
            raise CurrencyMismatch(f"{facts.provider_id} is in {amount.currency}, the charge in {capture.currency}")


def _known(gateway_id: int, facts: DisputeFacts, capture: Transaction) -> Dispute | None:
    """By its name at the gateway, else the one that somebody recorded from a letter that gave none."""
    named = select(Dispute).where(Dispute.gateway_id == gateway_id, Dispute.provider_id == facts.provider_id)
    row = db.session.scalars(named).one_or_none()
    if row is None:
        nameless = select(Dispute).where(
            Dispute.transaction_id == capture.id, Dispute.provider_id.is_(None), Dispute.amount == facts.amount.minor
        )
        row = db.session.scalars(nameless.order_by(Dispute.id).limit(1)).one_or_none()
        if row is not None:
            row.provider_id = facts.provider_id
    return row


def _follow(row: Dispute, order: SalesOrder | None, facts: DisputeFacts, event: DisputeEvent | None, by: Actor) -> None:
    row.due_by = facts.due_by or row.due_by
    course.enter_all(row, facts)
    escalated = row.inquiry and not facts.inquiry
    if escalated:
        row.inquiry, row.reminded_at = False, None
        row.record("escalated", by=SYSTEM, amount=row.amount, currency=row.currency)
    if _reopened(row, facts, escalated=escalated):
        course.appeal(row, order, facts.due_by, by=SYSTEM)
    for wanted in (event, _event(facts.phase, escalated=escalated)):
        if wanted is not None and row.can(wanted):
            row.transition(wanted, by=by if wanted is event else SYSTEM, number=row.number)


def _event(phase: DisputePhase, *, escalated: bool) -> DisputeEvent | None:
    if phase is DisputePhase.NEEDS_RESPONSE:
        return E.ESCALATE if escalated else None
    return {DisputePhase.UNDER_REVIEW: E.ANSWER, DisputePhase.WON: E.WIN, DisputePhase.LOST: E.LOSE}[phase]


def _reopened(row: Dispute, facts: DisputeFacts, *, escalated: bool) -> bool:
    """It was decided, here or without our hearing of it, and is not any more."""
    if facts.phase not in (DisputePhase.NEEDS_RESPONSE, DisputePhase.UNDER_REVIEW):
        return False
    if row.is_open:
        return facts.appealed and row.status is S.UNDER_REVIEW and not course.times_asked(row, E.APPEAL)
    return facts.appealed or escalated


def answer(dispute_id: int, evidence: Evidence, *, by: User) -> Dispute:
    """Hand in what speaks for us, once. What was written is kept whether or not the gateway could be reached.

    Raises Refusal: `not_permitted`, `not_waiting`, `too_late`, `nothing_said`, `gateway_silent`.
    """
    with transaction():
        row, order = _locked(dispute_id, by)
        if row.status is not S.NEEDS_RESPONSE:
            raise Refusal("not_waiting", "The bank does not wait for an answer.", "Reload the page to see where it is.")
        if row.due_by is not None and row.due_by <= clock.now():
            raise Refusal("too_late", "The bank's time is over; it reads nothing any more.")
        if not any(evidence.words.values()) and not evidence.files:
            raise Refusal("nothing_said", "Write at least one answer, or choose a document.", status=422)
        row.evidence, row.answered_with = dict(evidence.words), sorted(name for name, _, _ in evidence.files.values())
        row.answered_at = clock.now()
        row.record("evidence", by=Actor.of(by), files=row.answered_with)
        audit.note("dispute.answer", row.number, by=Actor.of(by), after={"files": row.answered_with})
        if row.provider_id is None:
            row.transition(E.ANSWER, by=Actor.of(by), number=row.number)
            course.settle(row, order, by=Actor.of(by))
            return row
        said = [row.evidence, row.answered_with, course.times_asked(row, E.APPEAL, E.ESCALATE)]
        key = f"cs-{row.number}-{forms.fingerprint(said)[:24]}"
    return _told(row, E.ANSWER, by, lambda g, id: g.answer_dispute(id, evidence, key))


def accept(dispute_id: int, *, because: str, by: User) -> Dispute:
    """Give in: the money is the cardholder's. Raises Refusal: `not_permitted`, `decided`, `gateway_silent`."""
    with transaction():
        row, order = _locked(dispute_id, by)
        if not row.can(E.ACCEPT):
            raise Refusal("decided", "This dispute is decided already.", "Reload the page to see how.")
        audit.note("dispute.accept", row.number, by=Actor.of(by), after={"amount": row.money, "because": because})
        if row.provider_id is None:
            row.transition(E.ACCEPT, by=Actor.of(by), because=because or None, number=row.number)
            course.settle(row, order, by=Actor.of(by))
            return row
        row.record("giving_in", by=Actor.of(by), because=because or None)
    return _told(row, E.ACCEPT, by, lambda g, id: g.accept_dispute(id, f"cs-{row.number}-accept"))


def decide(dispute_id: int, *, won: bool, by: User) -> Dispute:
    """The bank's letter says how it ended; only of one that no gateway tells us of.

    Raises Refusal: `not_permitted`, `decided`, `gateway_decides`.
    """
    with transaction():
        row, order = _locked(dispute_id, by)
        if row.provider_id is not None:
            raise Refusal("gateway_decides", "The gateway tells us how this ends; it is not written in by hand.")
        event = E.WIN if won else E.LOSE
        if not row.is_open:
            raise Refusal("decided", "This dispute is decided already.", "Reload the page to see how.")
        if won and (taken := course.taken(row)) > 0:
            course.enter(row, K.REINSTATEMENT, Money(taken, row.currency), course.by_hand(row))
        row.transition(event, by=Actor.of(by), number=row.number)
        audit.note("dispute.decide", row.number, by=Actor.of(by), after={"won": won})
        course.settle(row, order, by=Actor.of(by))
        return row


def reopen(dispute_id: int, *, because: str, due_by: datetime | None, by: User) -> Dispute:
    """Another letter says that the decision is contested; only of one that no gateway tells us of. What was given back
    after it was won is taken again.

    Raises Refusal: `not_permitted`, `gateway_decides`, `undecided`.
    """
    with transaction():
        row, order = _locked(dispute_id, by)
        if row.provider_id is not None:
            raise Refusal("gateway_decides", "The gateway tells us when this is opened again; it is not done by hand.")
        if row.is_open:
            raise Refusal("undecided", "This dispute is open already.", "Reload the page to see where it is.")
        course.appeal(row, order, due_by, by=Actor.of(by), because=because or None)
        if not row.inquiry and not course.taken(row):
            course.enter(row, K.DEBIT, row.money, course.by_hand(row))
        course.settle(row, order, by=Actor.of(by))
        return row


def _locked(dispute_id: int, by: User) -> tuple[Dispute, SalesOrder | None]:
    demand(by, Permission.DISPUTE_RECORD)
    payment_order = get(Dispute, dispute_id).payment_order
    lock(Account, payment_order.account_id)
    order = lock(SalesOrder, payment_order.order_id) if payment_order.order_id else None
    lock(PaymentOrder, payment_order.id)
    return lock(Dispute, dispute_id), order


def _told(row: Dispute, event: DisputeEvent, by: User, tell: Callable[[GatewayAdapter, str], DisputeFacts]) -> Dispute:
    """Tell the gateway with no transaction open, and write down what it makes of it."""
    dispute_id, gateway_id, provider_id, actor = row.id, row.gateway_id, row.provider_id, Actor.of(by)
    gateway = registry.for_account(registry.account_of(get(Gateway, gateway_id)))
    end_read()
    try:
        facts = tell(gateway, provider_id or "")
    except GatewayUnreachable as silence:
        raise Refusal(
            "gateway_silent", "The gateway does not answer, so the bank has not heard of it yet.", "Try again soon."
        ) from silence
    write(gateway_id, facts, event=event, by=actor)
    return get(Dispute, dispute_id)


def remind(dispute_id: int) -> None:
    """Due soon and not answered: said once, and finance has it on its list."""
    with transaction():
        payment_order = get(Dispute, dispute_id).payment_order
        lock(PaymentOrder, payment_order.id)
        row = lock(Dispute, dispute_id)
        if row.status is not S.NEEDS_RESPONSE or row.reminded_at is not None or row.due_by is None:
            return
        row.reminded_at = clock.now()
        row.record("due_soon", by=SYSTEM, number=row.number, due_by=row.due_by.isoformat())
        escalations.open(
            Symptom.DISPUTE_DUE,
            row,
            row.number,
            f"The bank reads no answer to {row.number} after {row.due_by:%Y-%m-%d %H:%M} UTC.",
            order_id=payment_order.order_id,
            account_id=payment_order.account_id,
            amount=row.amount,
            currency=row.currency,
            due_by=row.due_by.isoformat(),
        )


@jobs.tick("disputes.remind", every=timedelta(minutes=10))
def remind_all(limit: int = 200) -> None:
    due = db.session.scalars(
        select(Dispute.id)
        .where(
            Dispute.status == S.NEEDS_RESPONSE,
            Dispute.due_by <= clock.now() + REMIND_BEFORE,
            Dispute.reminded_at.is_(None),
        )
        .order_by(Dispute.due_by)
        .limit(limit)
    ).all()
    end_read()
    jobs.each("disputes.remind", due, remind)
