"""The customer's page of one submission: the frozen order, where it stands, and what is left to do."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import aliased

from ... import access, clock
from ...db import read_columns
from ...models import Approval, OrderEmail, SalesOrder, Signature, Snapshot
from ...models.frozen import FrozenOrder, Shared, read
from ...states.approval import ApprovalStatus
from ...states.order import BEFORE_BOOKING, WITH_CUSTOMER, OrderStatus
from ...values import Value
from . import checkout, papers, shared
from .changes import Change, compare
from .checkout import Checkout, State
from .papers import Papers


class Stage(StrEnum):
    """Where the customer is: three they can act in, then the ends."""

    SIGN = "sign"
    PAY = "pay"
    DONE = "done"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    DECLINED = "declined"
    CHANGE_REQUESTED = "change_requested"
    CANCELLED = "cancelled"


DEAD = frozenset(Stage) - {Stage.SIGN, Stage.PAY, Stage.DONE}


class Signed(Value):
    name: str
    title: str
    email: str
    at: datetime
    drawn: bool


class ApprovalPage(Value):
    """`takes_payment`: the customer pays in this flow, by what the order asks for and the switch as it stands.
    `since`: notes and files that came after this version was sent; it does not bind them."""

    id: int
    public_id: str
    stage: Stage
    order_id: int
    order_number: str
    order_status: OrderStatus
    order: FrozenOrder
    message: str
    sent_to: str
    expires_at: datetime
    takes_payment: bool
    signed: Signed | None
    changes: tuple[Change, ...]
    checkout: Checkout | None
    papers: Papers
    since: Shared

    @property
    def valid_until(self) -> datetime:
        """The last moment of the link, for a date to be read off: it may end at midnight."""
        return self.expires_at - timedelta(seconds=1)


class Facts(Value):
    """What `judge` decides by."""

    status: ApprovalStatus
    order: OrderStatus
    closed: bool
    expired: bool
    replaced: bool
    to_pay: bool


def judge(facts: Facts) -> Stage:
    if facts.order is OrderStatus.CANCELLED:
        return Stage.CANCELLED
    ends = {
        ApprovalStatus.DECLINED: Stage.DECLINED,
        ApprovalStatus.CHANGE_REQUESTED: Stage.CHANGE_REQUESTED,
        ApprovalStatus.EXPIRED: Stage.EXPIRED,
        ApprovalStatus.REVOKED: Stage.REVOKED,
    }
    if facts.status in ends:
        return Stage.SUPERSEDED if facts.replaced else ends[facts.status]
    if facts.status is ApprovalStatus.SIGNED:
        waits = facts.order in WITH_CUSTOMER and not facts.closed and facts.to_pay
        return Stage.PAY if waits else Stage.DONE
    if facts.order not in BEFORE_BOOKING:
        return Stage.DONE  # paid in another way, so nobody needs to sign any more
    if facts.closed:
        return Stage.REVOKED
    return Stage.EXPIRED if facts.expired else Stage.SIGN


def _mailed() -> Any:
    """The documents that came with the first mail: the very PDF of this version."""
    return (
        select(OrderEmail.attachments)
        .where(
            OrderEmail.kind == "approval_request",
            OrderEmail.subject_kind == Approval.__tablename__,
            OrderEmail.subject_id == Approval.id,
        )
        .order_by(OrderEmail.id)
        .limit(1)
        .correlate(Approval)
        .scalar_subquery()
    )


def _replaced() -> Any:
    newer = aliased(Approval)
    return select(newer.id).where(newer.order_id == Approval.order_id, newer.id > Approval.id).exists()


# Built once: putting a statement of this size together costs more than running it.
BY_LINK = (
    select(
        Approval.id,
        Approval.public_id,
        Approval.order_id,
        Approval.status,
        Approval.asks_payment,
        Approval.by_salesperson,
        Approval.payment_order_id,
        Approval.message,
        Approval.sent_to,
        Approval.expires_at,
        Approval.closed_at,
        Snapshot.content,
        SalesOrder.number.label("order_number"),
        SalesOrder.status.label("order_status"),
        Signature.name.label("signature_name"),
        Signature.title.label("signature_title"),
        Signature.email.label("signature_email"),
        Signature.typed,
        Signature.signed_at,
        _replaced().label("replaced"),
        _mailed().label("mailed"),
        shared.NOTES.label("notes"),
        shared.FILES.label("files"),
    )
    .join(Snapshot, Snapshot.id == Approval.snapshot_id)
    .join(SalesOrder, SalesOrder.id == Approval.order_id)
    .outerjoin(Signature, Signature.approval_id == Approval.id)
    .where(Approval.public_id == bindparam("public_id"), Approval.generation == bindparam("generation"))
)
SEEN_BEFORE = (
    select(Snapshot.content)
    .join(Approval, Approval.snapshot_id == Snapshot.id)
    .where(Approval.order_id == bindparam("order_id"), Approval.id < bindparam("id"), Approval.sent_at.is_not(None))
    .order_by(Approval.id.desc())
    .limit(1)
)


def by_link(public_id: str, generation: int) -> ApprovalPage | None:
    """The submission of a link; None for one that was rotated or never was. Writes nothing."""
    row = read_columns(BY_LINK, public_id=public_id, generation=generation).one_or_none()
    return None if row is None else _view(row)


def _view(row: Row[Any]) -> ApprovalPage:
    takes_payment = row.asks_payment and (not row.by_salesperson or access.salespeople_may_take_payment())
    signed = row.status is ApprovalStatus.SIGNED
    looks_at_money = row.payment_order_id and (signed or row.order_status not in BEFORE_BOOKING)
    money = checkout.of_payment_order(row.payment_order_id) if looks_at_money else None
    stage = judge(
        Facts(
            status=row.status,
            order=row.order_status,
            closed=row.closed_at is not None,
            expired=row.expires_at <= clock.now(),
            replaced=row.replaced,
            to_pay=money is not None and _waits_for_money(money, takes_payment),
        )
    )
    order = read(row.content)
    return ApprovalPage(
        id=row.id,
        public_id=row.public_id,
        stage=stage,
        order_id=row.order_id,
        order_number=row.order_number,
        order_status=row.order_status,
        order=order,
        message=row.message,
        sent_to=row.sent_to,
        expires_at=row.expires_at,
        takes_payment=takes_payment,
        signed=_signed(row),
        changes=_changes(row, order) if stage is Stage.SIGN else (),
        checkout=money,
        papers=papers.of(
            ids=row.mailed or [],
            signed_order=row.id if row.signed_at else None,
            receipt=money.paid.receipt_id if money and money.paid else None,
            invoice=money.paid.invoice_id if money and money.paid else None,
        ),
        since=shared.read(row.notes, row.files).beyond(order.shared),
    )


def _waits_for_money(money: Checkout, takes_payment: bool) -> bool:
    """Money on its way is waited for, even when the switch is off by now; money that is there is not."""
    return money.state is State.CONFIRMING or (takes_payment and money.state not in (State.PAID, State.AUTHORIZED))


def _signed(row: Row[Any]) -> Signed | None:
    if row.signed_at is None:
        return None
    return Signed(row.signature_name, row.signature_title, row.signature_email, row.signed_at, drawn=row.typed is None)


def _changes(row: Row[Any], order: FrozenOrder) -> tuple[Change, ...]:
    """Against what the customer was last sent, where there was something."""
    before = read_columns(SEEN_BEFORE, order_id=row.order_id, id=row.id).scalar()
    return compare(read(before), order) if before else ()
