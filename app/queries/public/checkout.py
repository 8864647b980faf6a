"""One checkout as its payer sees it: the state of the money, told from the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from flask_babel import gettext
from sqlalchemy import Row, select

from ... import clock
from ...db import db, read_columns
from ...models import Attempt, IntentPurpose
from ...models.frozen import FrozenOrder, read
from ...money import Money
from ...states import declines
from ...states.attempt import AttemptStatus
from ...states.intent import IntentStatus
from ...states.order import OrderStatus
from ...states.payment_order import PaymentOrderStatus
from ...values import Value
from . import papers
from .checkout_rows import BY_LINK, NEWEST_RECEIPT, OF_PAYMENT_ORDER, SIGNED_TERMS
from .papers import Papers


class State(StrEnum):
    """What the payer can do now. Everything but PAY, ACTION and NO_MORE_TRIES is an end or a wait. AUTHORIZED: their
    bank holds the money, and it is taken later."""

    PAY = "pay"
    ACTION = "action"
    CONFIRMING = "confirming"
    AUTHORIZED = "authorized"
    PAID = "paid"
    NO_MORE_TRIES = "no_more_tries"
    ON_HOLD = "on_hold"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"


DEAD = frozenset({State.EXPIRED, State.REVOKED, State.SUPERSEDED, State.CANCELLED, State.WITHDRAWN})
WAITING = (AttemptStatus.STARTED, AttemptStatus.PENDING, AttemptStatus.UNKNOWN)


class Decline(Value):
    """Why the last try failed and what can help, in the payer's words."""

    sentence: str
    advice: str
    card: str


class Paid(Value):
    receipt: str
    receipt_id: int
    invoice_id: int | None
    amount: Money
    paid_with: str
    sent_to: str
    at: datetime


class Checkout(Value):
    """`lines` of the order, with their amounts, where it asks for some of them. `edition` goes with the form and comes
    back with the payment, so that a stale tab is noticed. `action` is what the payer's bank asks of them, while the
    state is ACTION."""

    state: State
    payment_order_id: int
    number: str
    purpose: str
    lines: tuple[tuple[str, Money], ...]
    amount: Money
    first: bool
    edition: int
    order_id: int | None
    order_number: str | None
    account_name: str
    intent_id: int
    intent_public_id: str
    intent_purpose: IntentPurpose
    expires_at: datetime
    tries_left: int
    decline: Decline | None
    action: Mapping[str, Any] | None
    paid: Paid | None


class Facts(Value):
    """What `judge` decides by, so that its table can be tested without a database."""

    requested: int
    captured: int
    closed: bool
    order_cancelled: bool
    on_hold: bool
    attempt: AttemptStatus | None
    intent: IntentStatus
    expired: bool
    tries_left: int
    held: int = 0


def judge(facts: Facts) -> State:
    """Money first, then money on its way, then whether there may be any: nobody is asked to pay twice."""
    if facts.captured >= facts.requested:
        return State.PAID
    if facts.held and facts.captured + facts.held >= facts.requested:
        return State.AUTHORIZED
    if facts.attempt in WAITING:
        return State.CONFIRMING
    if facts.order_cancelled:
        return State.CANCELLED
    if facts.closed:
        return State.WITHDRAWN
    if facts.attempt is AttemptStatus.REQUIRES_ACTION:
        return State.ACTION
    if facts.intent is not IntentStatus.LIVE:
        return _end(facts.intent)
    if facts.expired:
        return State.EXPIRED
    if facts.on_hold:
        return State.ON_HOLD
    return State.PAY if facts.tries_left > 0 else State.NO_MORE_TRIES


def _end(status: IntentStatus) -> State:
    ends = {
        IntentStatus.PAID: State.SUPERSEDED,  # its money was given back to another checkout, or the sum has grown
        IntentStatus.EXPIRED: State.EXPIRED,
        IntentStatus.REVOKED: State.REVOKED,
        IntentStatus.SUPERSEDED: State.SUPERSEDED,
        IntentStatus.CANCELLED: State.CANCELLED,
    }
    return ends[status]


def by_link(public_id: str, generation: int) -> Checkout | None:
    """The checkout of a payment link; superseded, whatever became of it, for the address of one that was rotated since;
    None for one that never was."""
    row = read_columns(BY_LINK, public_id=public_id).one_or_none()
    if row is None:
        return None
    return _view(row) if row.generation == generation else _view(row, State.SUPERSEDED)


def of_payment_order(payment_order_id: int) -> Checkout | None:
    """The checkout to be paid now: the live one, else the newest."""
    return _one(OF_PAYMENT_ORDER, id=payment_order_id)


def _one(statement: Any, **values: Any) -> Checkout | None:
    row = read_columns(statement, **values).one_or_none()
    return None if row is None else _view(row)


def _view(row: Row[Any], state: State | None = None) -> Checkout:
    left = max(row.attempt_limit - row.tries, 0)
    state = state or judge(
        Facts(
            requested=row.requested,
            captured=row.captured,
            held=row.held,
            closed=row.payment_order_status is PaymentOrderStatus.CANCELLED,
            order_cancelled=row.order_status is OrderStatus.CANCELLED,
            on_hold=row.hold_reason is not None,
            attempt=row.attempt_status,
            intent=row.intent_status,
            expired=row.expires_at <= clock.now(),
            tries_left=left,
        )
    )
    return Checkout(
        state=state,
        payment_order_id=row.payment_order_id,
        number=row.number,
        purpose=row.purpose,
        lines=_lines(row),
        amount=Money(row.amount, row.currency),
        first=row.first,
        edition=row.edition or 0,
        order_id=row.order_id,
        order_number=row.order_number,
        account_name=row.account_name,
        intent_id=row.intent_id,
        intent_public_id=row.intent_public_id,
        intent_purpose=row.intent_purpose,
        expires_at=row.expires_at,
        tries_left=left,
        decline=_decline(row),
        action=row.next_action if state is State.ACTION else None,
        paid=_paid(row.payment_order_id) if state is State.PAID else None,
    )


def _lines(row: Row[Any]) -> tuple[tuple[str, Money], ...]:
    """In words, what each comes to; nothing where they are not all of what is asked for now, as after a credit note."""
    lines = sorted(row.lines, key=lambda x: x["id"])
    if sum(x["amount"] for x in lines) != row.amount:
        return ()
    return tuple((x["words"], Money(x["amount"], row.currency)) for x in lines)


def _decline(row: Row[Any]) -> Decline | None:
    if row.attempt_status is AttemptStatus.DECLINED:
        words = declines.explain(row.decline_code, row.advice)
        return Decline(gettext(words.reason), gettext(words.next_step), row.card_label)
    if row.attempt_status in (AttemptStatus.FAILED, AttemptStatus.CANCELLED):
        return Decline(gettext("The payment was not completed."), gettext("You can simply try again."), row.card_label)
    return None


def _paid(payment_order_id: int) -> Paid | None:
    """The newest receipt; None for the moment between the money and its paper."""
    row = read_columns(NEWEST_RECEIPT, id=payment_order_id).one_or_none()
    if row is None:
        return None
    return Paid(
        receipt=row.number,
        receipt_id=row.id,
        invoice_id=row.invoice_id,
        amount=Money(row.amount, row.currency),
        paid_with=row.paid_with,
        sent_to=row.receipt_email or "",
        at=row.at,
    )


def outcome(attempt: str) -> tuple[int, AttemptStatus] | None:
    """Id and status of one try, by its public id; nothing else of it is for whoever knows only that."""
    row = db.session.execute(select(Attempt.id, Attempt.status).where(Attempt.public_id == attempt)).one_or_none()
    return (row.id, row.status) if row else None


def papers_of(checkout: Checkout) -> Papers:
    """What a payer may open: receipt and invoice of what they paid."""
    if checkout.paid is None:
        return {}
    return papers.of(receipt=checkout.paid.receipt_id, invoice=checkout.paid.invoice_id)


def terms_of(checkout: Checkout) -> FrozenOrder | None:
    """What was signed, where this pays for it."""
    if checkout.intent_purpose is not IntentPurpose.APPROVAL:
        return None
    content = db.session.scalar(SIGNED_TERMS, {"id": checkout.payment_order_id})
    return read(content) if content else None
