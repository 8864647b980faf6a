"""What a customer does with the link they were sent: look, sign, decline, ask for a change, for another payer or for
a new link. Whoever holds the token is the customer; every command takes the submission's id, never the token.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from ... import canonical, clock, links, settings
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...mail import recipients
from ...models import (
    Account,
    Actor,
    Approval,
    IntentPurpose,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    SalesOrder,
    Signature,
)
from ...models.order import TAG_CHANGE, TAG_CUSTOMER_DECLINED, TAG_DECLINED
from ...png import BadPicture, cleaned
from ...queries import ledger
from ...queries.public.words import consent_to_order
from ...states.approval import ApprovalEvent, ApprovalStatus
from ...states.order import WITH_CUSTOMER, OrderEvent
from ...values import Value
from ..payments import payment_links, payment_orders
from ..post import mails, papers
from . import approvals

MOST_BYTES = 300_000
MOST_PIXELS = (2400, 1200)


class Hand(Value):
    """A signature as it came: typed, or drawn as PNG bytes; by whom, from where, and to which words they agreed:
    `agreed` is the SHA-256 (hex) of the words that stood beside the box."""

    name: str
    title: str
    email: str
    agreed: str
    drawn_png: bytes | None = None
    ip: str = ""
    user_agent: str = ""


def mark_viewed(approval_id: int) -> None:
    """The page was looked at for three seconds. Only the first time counts."""
    with transaction():
        approval = _held(approval_id)[1]
        if approval.viewed_at is None and approval.closed_at is None:
            approval.viewed_at = clock.now()
            approval.record("viewed", by=Actor.customer(approval.contact.name))


def sign(approval_id: int, hand: Hand, *, sha256: str, edition: int) -> Approval:
    """Store the signature; then the order is booked, or waits for the payment that belongs to it.

    Raises Refusal: `stale_snapshot` where the customer saw another version, `link_dead`, `on_hold`, `signature_name`,
    `address_invalid`, `signature_picture`, `stale_consent` where the words that were agreed to would be others by now,
    since a switch was turned. Signing again what is signed changes nothing.
    """
    drawn = _checked(hand)
    with transaction():
        account, order, approval = _held_with_account(approval_id)
        if approval.status is ApprovalStatus.SIGNED:
            return approval
        _refuse_dead(approval, order)
        _refuse_stale(approval, order, sha256, edition)
        words = consent(approval)
        if hand.agreed != canonical.sha256(words):
            raise Refusal("stale_consent", "What you agree to has changed since you opened it. Please read it again.")
        if account.hold_reason:
            raise Refusal("on_hold", "This order cannot be signed at the moment.", "Please contact the sender.")
        by = Actor.customer(hand.name)
        approval.signed_at = clock.now()
        approval.viewed_at = approval.viewed_at or approval.signed_at
        _store(approval, hand, words, drawn)
        approval.transition(ApprovalEvent.SIGN, by=by, email=hand.email, sha256=sha256)
        payment_orders.open_transfers(order, by=by)
        if not approvals.payment_taken(approval):
            approvals.book(approval, order, by=by)
        return approval


def consent(approval: Approval) -> str:
    """The words beside the box, by what is asked for now. Inside a transaction: the switch is held until it ends."""
    return consent_to_order(approvals.view(approval), takes_payment=approvals.payment_taken(approval))


def _checked(hand: Hand) -> bytes | None:
    if not hand.name.strip():
        raise Refusal("signature_name", "Enter your full name.", status=422)
    recipients.checked(hand.email)
    if hand.drawn_png is None:
        return None
    try:
        return cleaned(hand.drawn_png, most_bytes=MOST_BYTES, most_pixels=MOST_PIXELS)
    except BadPicture:
        raise Refusal(
            "signature_picture",
            "The drawing could not be read. Please draw it again, or type your name.",
            status=422,
        ) from None


def _store(approval: Approval, hand: Hand, words: str, drawn: bytes | None) -> None:
    content = approvals.view(approval)
    db.session.add(
        Signature(
            approval_id=approval.id,
            snapshot_sha256=approval.snapshot.sha256,
            name=hand.name.strip(),
            title=hand.title.strip(),
            email=hand.email.strip(),
            typed=None if drawn else hand.name.strip(),
            drawn_png=drawn,
            consent_text=words,
            terms_version=content.conditions.version if content.conditions else None,
            ip=hand.ip[:60],
            user_agent=hand.user_agent[:400],
            sent_at=approval.sent_at,
            viewed_at=approval.viewed_at,
            signed_at=approval.signed_at,
        )
    )
    papers.signed(approval)


def decline(approval_id: int, *, reason: str) -> None:
    """The customer does not want it: back to draft, and the owner is told why.

    Raises Refusal: `reason_missing`, `link_dead`, `payment_in_progress`.
    """
    words = _given(reason)
    if not words:
        raise Refusal("reason_missing", "Tell the sender why; it is the only thing they will see.", status=422)
    with transaction():
        order, approval = _held(approval_id)
        _refuse_dead(approval, order)
        by = Actor.customer(approval.contact.name)
        _give_back(order, ApprovalEvent.DECLINE, OrderEvent.CUSTOMER_DECLINED, words, by)
        order.tag(TAG_CUSTOMER_DECLINED)
        mails.customer_declined(approval, reason=words, by=by)


def request_change(approval_id: int, *, message: str) -> None:
    """The customer wants something else first: back to draft, and the owner is told what.

    Raises Refusal: `message_missing`, `link_dead`, `payment_in_progress`.
    """
    words = _given(message)
    if not words:
        raise Refusal("message_missing", "Tell the sender what should be different.", status=422)
    with transaction():
        order, approval = _held(approval_id)
        _refuse_dead(approval, order)
        by = Actor.customer(approval.contact.name)
        _give_back(order, ApprovalEvent.REQUEST_CHANGE, OrderEvent.CHANGE_REQUESTED, words, by)
        order.tag(TAG_CHANGE)
        mails.change_requested(approval, message=words, by=by)


def _give_back(order: SalesOrder, event: ApprovalEvent, moved: OrderEvent, words: str, by: Actor) -> None:
    approvals.close_live(order, event, by=by, because=words)
    payment_orders.withdraw_open(order, by=by, because=words)
    order.untag(TAG_DECLINED)
    order.transition(moved, by=by, because=words)


def checkout(approval_id: int) -> PaymentIntent:
    """The live checkout of a signed order; one that ran out of time is renewed, for the signature holds.

    Raises Refusal: `not_signed`, `link_dead`, `payment_switched_off`, `paid`, `payment_in_progress`.
    """
    with transaction():
        _, order, approval = _held_with_account(approval_id)
        if approval.status is not ApprovalStatus.SIGNED:
            raise Refusal("not_signed", "Please sign the order first; then it can be paid.")
        if approval.closed_at is not None or order.status not in WITH_CUSTOMER or approval.payment_order_id is None:
            raise Refusal("link_dead", "There is nothing to pay here any more.")
        if not approvals.payment_taken(approval):
            raise Refusal("payment_switched_off", "Payment is not taken with this approval at the moment.")
        if not ledger.figures([approval.payment_order_id])[approval.payment_order_id].balance:
            raise Refusal("paid", "This is already paid. Nothing more to pay.")
        intent = payment_links.live_intent(approval.payment_order_id)
        if intent is None or intent.expires_at <= clock.now():
            payment_orders.refuse_while_paying(order)
            intent = _renewed(approval)
        return intent


def _renewed(approval: Approval) -> PaymentIntent:
    payment_order = lock(PaymentOrder, approval.payment_order_id)
    expires_at = clock.now() + timedelta(days=settings.fresh(settings.PAYMENT_LINK_DAYS))
    by = Actor.customer(approval.contact.name)
    return payment_links.open_intent(payment_order, IntentPurpose.APPROVAL, expires_at, by=by)


def forward_payment(approval_id: int, *, name: str, email: str) -> OrderEmail:
    """Somebody else pays: the payment step alone goes to their address. Asking again for the same address sends once.

    Raises Refusal: `address_invalid`, and what `checkout` raises.
    """
    payer = recipients.Recipient(recipients.checked(email), name.strip(), "to", "named as payer by whoever signed")
    with transaction():
        intent = checkout(approval_id)
        approval = get(Approval, approval_id)
        approval.record("payment_forwarded", by=Actor.customer(approval.contact.name), to=payer.address)
        return mails.payment_link(intent, payer=payer, by=Actor.customer(approval.contact.name))


def request_new_link(kind: links.Kind, public_id: str) -> None:
    """The owner is told, once a day at most, that a dead link was opened; whoever asks learns nothing, and a link that
    was never ours reaches nobody."""
    with transaction():
        subject = _behind(kind, public_id)
        if subject is not None:
            mails.new_link_requested(subject, by=Actor.customer("Customer"))


def _behind(kind: links.Kind, public_id: str) -> Approval | PaymentIntent | None:
    if kind == "approve":
        return db.session.scalars(select(Approval).where(Approval.public_id == public_id)).one_or_none()
    return db.session.scalars(select(PaymentIntent).where(PaymentIntent.public_id == public_id)).one_or_none()


def _held(approval_id: int) -> tuple[SalesOrder, Approval]:
    order = lock(SalesOrder, get(Approval, approval_id).order_id)
    return order, lock(Approval, approval_id)


def _held_with_account(approval_id: int) -> tuple[Account, SalesOrder, Approval]:
    account = lock(Account, get(SalesOrder, get(Approval, approval_id).order_id).account_id)
    return (account, *_held(approval_id))


def _refuse_stale(approval: Approval, order: SalesOrder, sha256: str, edition: int) -> None:
    seen = (sha256, edition)
    if seen != (approval.snapshot.sha256, approval.snapshot.edition) or edition != order.edition:
        raise Refusal(
            "stale_snapshot",
            "This order has changed since you opened it. Please read the version below before you sign.",
        )


def _refuse_dead(approval: Approval, order: SalesOrder) -> None:
    late = approval.status is ApprovalStatus.PENDING and approval.expires_at <= clock.now()
    if approval.closed_at is not None or order.status not in WITH_CUSTOMER or late:
        raise Refusal("link_dead", "This order can no longer be changed with this link.")


def _given(text: str) -> str:
    return text.strip()[:4000]
