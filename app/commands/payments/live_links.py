"""What becomes of a link that a customer has: rotated, extended, given more tries, passed on to who pays, looked at."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from ... import audit, clock, settings
from ...access import Permission, demand
from ...badges import said
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...formatting import day
from ...mail import recipients
from ...models import (
    Actor,
    Approval,
    Attempt,
    Company,
    IntentPurpose,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    SalesOrder,
    User,
)
from ...states.approval import LIVE
from ...states.intent import IntentStatus
from ..post import mails
from . import payment_links

# So many other people may be named as payers of one link: whoever holds it sends mail in our name.
MOST_PAYERS = 5
# What staff may grant beyond the limit that a link begins with, all in all.
MOST_TRIES = 40


def rotate(intent_id: int, *, because: str, by: User) -> PaymentIntent:
    """Let the link live on under another address; the old one is dead at once and says that there is a newer one.

    Raises Refusal: `not_permitted`, `approval_link`, `payment_in_progress`, `not_live`.
    """
    with transaction():
        intent = _held(intent_id, by)
        if intent.purpose is not IntentPurpose.LINK:
            raise Refusal(
                "approval_link",
                "This checkout has no link of its own; it belongs to an approval or to whoever collects.",
                "Convert the order to draft; that ends an approval and its payment.",
            )
        intent.generation += 1
        intent.record("rotated", by=Actor.of(by), because=because, generation=intent.generation)
        _note("rotate", intent, by, {"because": because, "generation": intent.generation})
        return intent


def extend(intent_id: int, *, until: date, by: User) -> PaymentIntent:
    """Let the link live until the end of that day; an approval's never longer than its quote, and with its approval.

    Raises Refusal: `not_permitted`, `payment_in_progress`, `not_live`, `not_later`, `too_long`, `beyond_quote`.
    """
    with transaction():
        intent = _held(intent_id, by)
        expires_at = _last_second(until)
        if expires_at <= intent.expires_at:
            raise Refusal(
                "not_later",
                "The link lives until %(day)s already.",
                "Choose a later day, or revoke the link.",
                status=422,
                day=day(intent.expires_at),
            )
        _refuse_too_long(intent, expires_at)
        before, intent.expires_at = intent.expires_at, expires_at
        intent.record("extended", by=Actor.of(by), until=until.isoformat())
        _note("extend", intent, by, {"until": until.isoformat()}, before={"until": before.date().isoformat()})
        return intent


def _last_second(of: date) -> datetime:
    return clock.end_of_day(of, get(Company, 1).time_zone) - timedelta(seconds=1)


def _refuse_too_long(intent: PaymentIntent, expires_at: datetime) -> None:
    last = clock.now() + timedelta(days=settings.PAYMENT_LINK_DAYS.most)
    if expires_at > last:
        raise Refusal(
            "too_long", "A link lives until %(day)s at most.", "Choose an earlier day.", status=422, day=day(last)
        )
    if intent.purpose is IntentPurpose.APPROVAL:
        _extend_approval(intent, expires_at)


def _extend_approval(intent: PaymentIntent, expires_at: datetime) -> None:
    """The link of an approval is the approval's: both live on, within the quote."""
    approval_id = db.session.scalar(
        select(Approval.id).where(
            Approval.payment_order_id == intent.payment_order_id,
            Approval.status.in_(LIVE),
            Approval.closed_at.is_(None),
        )
    )
    approval = lock(Approval, approval_id)
    quote = get(SalesOrder, approval.order_id).quote
    last = _last_second(quote.expires_on) if quote else None
    if last is not None and expires_at > last:
        raise Refusal(
            "beyond_quote",
            "The quote is valid until %(day)s, and the link never lives longer than its quote.",
            "Choose an earlier day, or revise the quote.",
            status=422,
            day=day(last),
        )
    approval.expires_at = expires_at


def grant_tries(intent_id: int, *, by: User) -> PaymentIntent:
    """As many tries more as a link begins with. Raises Refusal: `not_permitted`, `payment_in_progress`, `not_live`,
    `tries_left`, `tries_enough`."""
    with transaction():
        intent = _held(intent_id, by)
        tries = db.session.scalar(select(func.count(Attempt.id)).where(Attempt.intent_id == intent.id)) or 0
        if tries < intent.attempt_limit:
            raise Refusal("tries_left", "There are tries left on this link.", "Grant more once they are used up.")
        limit = intent.attempt_limit + settings.fresh(settings.ATTEMPT_LIMIT)
        if limit > MOST_TRIES:
            raise Refusal(
                "tries_enough",
                "This link was tried %(tries)s times; more would help whoever tries out stolen cards.",
                "Send a new link, or take the payment another way.",
                tries=tries,
            )
        before, intent.attempt_limit = intent.attempt_limit, limit
        intent.record("tries_granted", by=Actor.of(by), limit=limit)
        _note("grant_tries", intent, by, {"limit": limit}, before={"limit": before})
        return intent


def forward(intent_id: int, *, name: str, email: str) -> OrderEmail:
    """Somebody else pays: the very link goes to their address too. Asking again for the same address sends once.

    Raises Refusal: `address_invalid`, `not_live`, `payment_in_progress`, `too_many_payers`.
    """
    payer = recipients.Recipient(recipients.checked(email), name.strip(), "to", "named as payer by who had the link")
    with transaction():
        intent = _locked(intent_id)
        named = select(func.count(OrderEmail.id)).where(
            OrderEmail.kind == "payment_link",
            OrderEmail.subject_kind == PaymentIntent.__tablename__,
            OrderEmail.subject_id == intent.id,
            OrderEmail.asked_by == PAYER,
        )
        if (db.session.scalar(named) or 0) >= MOST_PAYERS:
            raise Refusal("too_many_payers", "This link was passed on often enough.", "Please contact the sender.")
        by = Actor.customer(PAYER)
        intent.record("forwarded", by=by, to=payer.address)
        return mails.payment_link(intent, payer=payer, by=by)


PAYER = "Whoever had the link"


def mark_viewed(intent_id: int) -> None:
    """The page was looked at for three seconds. Only the first time counts."""
    with transaction():
        lock(PaymentOrder, get(PaymentIntent, intent_id).payment_order_id)
        intent = db.session.get_one(PaymentIntent, intent_id, populate_existing=True)
        if intent.viewed_at is None and intent.status is IntentStatus.LIVE:
            intent.viewed_at = clock.now()
            intent.record("viewed", by=Actor.customer(PAYER))


def _held(intent_id: int, by: User) -> PaymentIntent:
    demand(by, Permission.PAYMENT_LINK_SEND)
    return _locked(intent_id)


def _locked(intent_id: int) -> PaymentIntent:
    """The link as it is now, its payment order held; refused while it is being paid and once it is over."""
    intent = get(PaymentIntent, intent_id)
    row = payment_links.hold(intent.payment_order_id)
    db.session.refresh(intent)
    payment_links.refuse_while_paying(row)
    over = intent.status is IntentStatus.LIVE and intent.expires_at <= clock.now()
    if intent.status is not IntentStatus.LIVE or over:
        state = said("intent", IntentStatus.EXPIRED if over else intent.status)
        raise Refusal("not_live", "This link is already %(state)s.", "Send a new link.", state=state)
    return intent


def _note(verb: str, intent: PaymentIntent, by: User, after: dict[str, object], *, before: object = None) -> None:
    audit.note(f"payment_link.{verb}", intent.payment_order.number, by=Actor.of(by), before=before, after=after)
