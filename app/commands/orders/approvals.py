"""Sending an order to its customer for approval, and taking that back. What the customer does is in signing.py."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from ... import access, clock, forms, jobs, settings
from ...access import Permission
from ...badges import said
from ...db import db, get, lock, transaction
from ...errors import Refusal, StaleVersion
from ...formatting import day
from ...mail import recipients, suppression
from ...models import (
    SYSTEM,
    Account,
    Actor,
    Approval,
    Company,
    Contact,
    IntentPurpose,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    SalesOrder,
    User,
)
from ...models.frozen import FrozenOrder, read
from ...models.order import TAG_CHANGE, TAG_CUSTOMER_DECLINED, TAG_DECLINED, TAG_EXPIRED
from ...money import Money
from ...states.approval import LIVE, ApprovalEvent, ApprovalStatus
from ...states.intent import IntentEvent, IntentStatus
from ...states.order import BEFORE_BOOKING, WITH_CUSTOMER, OrderEvent
from ..payments import first_payments, payment_links, payment_orders
from ..post import mails, papers, resending
from . import activation, snapshots

TAGS_OF_THE_PAST = (TAG_DECLINED, TAG_CUSTOMER_DECLINED, TAG_CHANGE, TAG_EXPIRED)


def submit(
    order_id: int,
    *,
    contact_id: int | None = None,
    message: str = "",
    edition: int | None = None,
    form_key: str | None = None,
    by: User,
) -> Approval:
    """Freeze a draft and send it to its customer; its mail, with the PDF, is staged with it. `edition` is the one that
    `by` looked at.

    Raises Refusal: `not_permitted`, `switched_off`, `not_a_draft`, `nothing_to_sell`, `missing_quote`,
    `missing_opportunity`, `quote_expired`, `no_contact`, `address_invalid`, `on_hold`, `payment_in_progress`,
    `plan_does_not_add_up`, `no_route`; StaleVersion if the order was edited since `edition`.
    """
    content = ["approvals.submit", order_id, contact_id, message]
    with transaction():
        access.demand(by, Permission.ORDER_SUBMIT)
        account = lock(Account, get(SalesOrder, order_id).account_id)
        order = lock(SalesOrder, order_id)
        if known := forms.answered(form_key, content):
            return get(Approval, known["id"])
        _refuse_stale(order, edition)
        contact = _recipient(order, contact_id)
        _refuse_unless_ready(order, account)
        approval = _open(order, contact, message, by)
        order.untag(*TAGS_OF_THE_PAST)
        order.transition(OrderEvent.SUBMIT, by=Actor.of(by), sent_to=contact.email, sha256=approval.snapshot.sha256)
        _mail(approval, by)
        forms.remember(form_key, content, id=approval.id)
        return approval


def _refuse_stale(order: SalesOrder, edition: int | None) -> None:
    if edition is not None and edition != order.edition:
        raise StaleVersion(
            "%(order)s was edited after you opened this. Look at what it says now, then send it.",
            order.edition,
            order=order.number,
        )


def _recipient(order: SalesOrder, contact_id: int | None) -> Contact:
    contact = db.session.get(Contact, contact_id or order.contact_id) if contact_id or order.contact_id else None
    if contact is None or contact.account_id != order.account_id:
        raise Refusal(
            "no_contact",
            "%(order)s has no contact to send it to.",
            "Choose a contact of the account.",
            order=order.number,
        )
    suppression.refuse(recipients.for_approval(order, contact))
    return contact


def _refuse_unless_ready(order: SalesOrder, account: Account) -> None:
    for refusal in blocks(order, account):
        raise refusal


def blocks(order: SalesOrder, account: Account) -> list[Refusal]:
    """Everything about the order that keeps it from being submitted, for the page (all) and submit (the first)."""
    found = []
    if not order.can(OrderEvent.SUBMIT):
        found.append(
            Refusal(
                "not_a_draft",
                "%(order)s is %(state)s; only a draft can be sent for approval.",
                order=order.number,
                state=said("order", order.status),
            )
        )
    if not order.lines:
        found.append(Refusal("nothing_to_sell", "The order has no lines yet.", "Add what is being sold, then send it."))
    if order.quote_id is None:
        found.append(
            Refusal(
                "missing_quote",
                "The order has no quote, so it is not sent to the customer.",
                "Sales operations can link the quote.",
            )
        )
    if order.opportunity_id is None:
        found.append(
            Refusal(
                "missing_opportunity",
                "The order has no opportunity, so it is not sent to the customer.",
                "Sales operations can link the opportunity.",
            )
        )
    if order.quote is not None and _end_of_quote(order) <= clock.now():
        found.append(
            Refusal(
                "quote_expired",
                "Quote %(quote)s was valid until %(date)s.",
                "Revise the quote with a later expiry date and have it approved.",
                quote=order.quote.number,
                date=day(order.quote.expires_on),
            )
        )
    if account.hold_reason:
        found.append(payment_orders.on_hold(account))
    if payment_orders.money_under_way(order.id):
        found.append(
            Refusal(
                "payment_in_progress",
                "A payment for this order is in progress, and its outcome is not known yet.",
                "Wait until the gateway has confirmed it.",
            )
        )
    return found


def _open(order: SalesOrder, contact: Contact, message: str, by: User) -> Approval:
    snapshot = snapshots.freeze(order, contact)
    _end_separate_links(order, by=Actor.of(by))
    payment_order = first_payments.open_first(order, by=Actor.of(by))
    approval = Approval(
        public_id=secrets.token_urlsafe(16),
        order_id=order.id,
        order=order,
        snapshot_id=snapshot.id,
        snapshot=snapshot,
        contact_id=contact.id,
        contact=contact,
        sent_to=contact.email,
        asks_payment=payment_order is not None,
        by_salesperson=access.is_salesperson_only(by, Permission.ORDER_SUBMIT),
        submitted_by_id=by.id,
        payment_order_id=payment_order.id if payment_order else None,
        message=message.strip(),
        expires_at=_expiry(order),
    )
    db.session.add(approval)
    approval.record("submitted", by=Actor.of(by), sent_to=contact.email, sha256=snapshot.sha256)
    if payment_order is not None:
        payment_links.open_intent(payment_order, IntentPurpose.APPROVAL, approval.expires_at, by=Actor.of(by))
    return approval


def _end_separate_links(order: SalesOrder, *, by: Actor) -> None:
    """While an order is with its customer nothing of it is paid past the signature; what was asked for stays asked."""
    live = db.session.scalars(
        select(PaymentIntent)
        .join(PaymentOrder, PaymentOrder.id == PaymentIntent.payment_order_id)
        .where(PaymentOrder.order_id == order.id, PaymentIntent.status == IntentStatus.LIVE)
        .order_by(PaymentIntent.id)
    ).all()
    for intent in live:
        intent.transition(IntentEvent.REVOKE, by=by, because="The order was sent for approval")


def _mail(approval: Approval, by: User) -> None:
    """Staged with the PDF of the very snapshot; it leaves as soon as that is rendered."""
    due_now = view(approval).due_now if payment_taken(approval) else Money.zero(approval.order.currency)
    mails.approval_request(approval, due_now=due_now, attachments=[papers.submitted(approval).id], by=by)


def view(approval: Approval) -> FrozenOrder:
    """What the customer is shown."""
    return read(approval.snapshot.content)


def _expiry(order: SalesOrder) -> datetime:
    """A link lives as long as the setting says, and never longer than its quote."""
    life = timedelta(days=settings.fresh(settings.APPROVAL_LINK_DAYS))
    return min(clock.now() + life, _end_of_quote(order))


def _end_of_quote(order: SalesOrder) -> datetime:
    if order.quote is None:
        raise Refusal("missing_quote", "The order has no quote, so it is not sent to the customer.")
    return clock.end_of_day(order.quote.expires_on, get(Company, 1).time_zone)


def payment_taken(approval: Approval, *, fresh: bool = True) -> bool:
    """Whether the customer pays where they sign: asked for, and not switched off for salespeople since."""
    if not approval.asks_payment:
        return False
    return not approval.by_salesperson or access.salespeople_may_take_payment(fresh=fresh)


def remind(approval_id: int, *, form_key: str, by: User) -> OrderEmail:
    """Send the customer the same link once more. Raises Refusal: `not_permitted`, `not_waiting`, `mail_on_its_way`."""
    with transaction():
        access.demand(by, Permission.MAIL_RESEND)
        order = lock(SalesOrder, get(Approval, approval_id).order_id)
        approval = lock(Approval, approval_id)
        last = db.session.scalars(
            select(OrderEmail.id)
            .where(
                OrderEmail.kind == "approval_request",
                OrderEmail.subject_kind == Approval.__tablename__,
                OrderEmail.subject_id == approval_id,
            )
            .order_by(OrderEmail.id.desc())
            .limit(1)
        ).one_or_none()
        if last is None or approval.closed_at is not None or order.status not in WITH_CUSTOMER:
            raise Refusal("not_waiting", "The customer has nothing to sign any more.", "Send the order again.")
        return resending.resend(last, form_key=form_key, by=by)


def close_live(order: SalesOrder, event: ApprovalEvent, *, by: Actor, because: str | None = None) -> Approval | None:
    """End the submission the customer holds, and the checkout that belongs to it; a finished one is only closed.

    Inside a transaction, order locked. Raises Refusal `payment_in_progress`: money on its way decides first.
    """
    payment_orders.refuse_while_paying(order)
    approval = live(order.id)
    if approval is None:
        return None
    if approval.status is ApprovalStatus.PENDING or order.status in BEFORE_BOOKING:
        approval.transition(event, by=by, because=because)
    approval.closed_at = clock.now()
    end_checkout(approval, IntentEvent.REVOKE, by=by)
    return approval


def live(order_id: int) -> Approval | None:
    """The one submission of the order that is not over, locked."""
    found = db.session.scalars(
        select(Approval.id).where(
            Approval.order_id == order_id, Approval.status.in_(LIVE), Approval.closed_at.is_(None)
        )
    ).one_or_none()
    return lock(Approval, found) if found else None


def end_checkout(approval: Approval, event: IntentEvent, *, by: Actor) -> None:
    """The live checkout of the first payment dies; its payment order stays, for whatever comes of it."""
    if approval.payment_order_id is None:
        return
    lock(PaymentOrder, approval.payment_order_id)
    intent = payment_links.live_intent(approval.payment_order_id)
    if intent is not None:
        intent.transition(event, by=by)


def book(approval: Approval, order: SalesOrder, *, by: Actor) -> None:
    """Signed and nothing to pay here: the order is booked and activated or scheduled. Inside a transaction."""
    end_checkout(approval, IntentEvent.CANCEL, by=by)
    approval.closed_at = clock.now()
    order.untag(TAG_DECLINED)
    order.transition(OrderEvent.CUSTOMER_APPROVED, by=by)
    activation.activate_or_schedule(order, by=SYSTEM)


@jobs.tick("approvals.release", every=timedelta(minutes=1))
def release_due(*, by: Actor = SYSTEM) -> int:
    """The switch for payments is off: orders that were signed and waited for one are booked. Returns how many.

    One whose payment is on its way waits for its end; the clock looks after it.
    """
    if access.salespeople_may_take_payment(fresh=True):
        return 0
    return jobs.each("approvals.release", _waiting(), lambda approval_id: _release(approval_id, by))


def _release(approval_id: int, by: Actor) -> bool:
    """False where it moved on before we held it, money is on its way, or the switch is on again."""
    with transaction():
        order = lock(SalesOrder, get(Approval, approval_id).order_id)
        approval = lock(Approval, approval_id)
        waits = approval.status is ApprovalStatus.SIGNED and approval.closed_at is None
        if not waits or order.status not in WITH_CUSTOMER or payment_orders.money_under_way(order.id):
            return False
        if access.salespeople_may_take_payment(fresh=True):
            return False
        book(approval, order, by=by)
        return True


def _waiting() -> Sequence[int]:
    """Signed submissions of salespeople whose orders wait for the first payment."""
    return db.session.scalars(
        select(Approval.id)
        .join(SalesOrder, SalesOrder.id == Approval.order_id)
        .where(
            Approval.status == ApprovalStatus.SIGNED,
            Approval.closed_at.is_(None),
            Approval.by_salesperson,
            Approval.asks_payment,
            SalesOrder.status.in_(WITH_CUSTOMER),
        )
        .order_by(Approval.order_id)
    ).all()
