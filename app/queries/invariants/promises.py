"""Rules of what people were promised: 19 to 24."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Text, and_, cast, func, or_, select

from ... import canonical
from ...db import db
from ...models import (
    Approval,
    Attempt,
    Audit,
    OrderEmail,
    PaymentIntent,
    PaymentMethod,
    PaymentOrder,
    Receipt,
    SalesOrder,
    Signature,
    Snapshot,
    Token,
)
from ...states.approval import LIVE
from ...states.attempt import AttemptStatus
from ...states.intent import IntentStatus
from .asking import MOST, found


def foreign_methods(grace: timedelta) -> list[str]:
    rows = found(
        select(Attempt.public_id)
        .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
        .join(PaymentMethod, PaymentMethod.id == Attempt.method_id)
        .outerjoin(Token, and_(Token.method_id == PaymentMethod.id, Token.gateway_id == Attempt.gateway_id))
        .where(or_(PaymentMethod.account_id != PaymentOrder.account_id, Token.id.is_(None)))
    )
    return [f"attempt {r.public_id} charged a card of somebody else, or of another gateway" for r in rows]


def unbound_signatures(grace: timedelta) -> list[str]:
    complaints: list[str] = []
    rows = db.session.execute(
        select(Approval.public_id, Snapshot.content, Snapshot.sha256, Signature.snapshot_sha256)
        .join(Snapshot, Snapshot.id == Approval.snapshot_id)
        .outerjoin(Signature, Signature.approval_id == Approval.id)
        .execution_options(yield_per=200)
    )
    for row in rows:
        hashes = {canonical.sha256(row.content), row.sha256, row.snapshot_sha256 or row.sha256}
        if len(hashes) > 1 and len(complaints) < MOST:
            complaints.append(f"approval {row.public_id}: the snapshot is not what was hashed or signed")
    return complaints


def stale_checkouts(grace: timedelta) -> list[str]:
    """Approvals and checkouts of a first payment that could still be used, of an order that has changed since."""
    asked = found(
        select(SalesOrder.number)
        .join(Approval, Approval.order_id == SalesOrder.id)
        .join(Snapshot, Snapshot.id == Approval.snapshot_id)
        .where(Approval.status.in_(LIVE), Approval.closed_at.is_(None), Snapshot.edition != SalesOrder.edition)
    )
    payable = found(
        select(SalesOrder.number)
        .join(PaymentOrder, PaymentOrder.order_id == SalesOrder.id)
        .join(PaymentIntent, PaymentIntent.payment_order_id == PaymentOrder.id)
        .where(
            PaymentOrder.first,
            PaymentIntent.status == IntentStatus.LIVE,
            PaymentIntent.edition != SalesOrder.edition,
        )
    )
    return [f"{r.number} changed, and its old version can still be signed or paid" for r in (*asked, *payable)]


def kept_tokens(grace: timedelta) -> list[str]:
    """Addresses behind a token end in it; what stays in a mail is a placeholder."""
    forms = [f"%/{page}/%" for page in ("approve", "pay", "add-method")]
    bodies = (OrderEmail.text, OrderEmail.html)
    rows = found(
        select(OrderEmail.id, OrderEmail.kind).where(
            OrderEmail.link_kind.is_not(None), or_(*(body.like(form) for body in bodies for form in forms))
        )
    )
    return [f"mail {r.id} ({r.kind}) keeps its link" for r in rows]


def doubled_mails(grace: timedelta) -> list[str]:
    key = (OrderEmail.kind, OrderEmail.subject_kind, OrderEmail.subject_id, OrderEmail.cause)
    rows = found(select(*key).group_by(*key).having(func.count() > 1))
    return [f"mail {r.kind} about {r.subject_kind} {r.subject_id} was written twice" for r in rows]


def unaudited(grace: timedelta) -> list[str]:
    receipts = found(
        select(Receipt.number)
        .outerjoin(Audit, and_(Audit.action.like("receipt.%"), Audit.subject == Receipt.number))
        .where(Audit.id.is_(None))
    )
    tries = (
        select(Attempt.payment_order_id, func.count().label("tries"))
        .where(Attempt.status != AttemptStatus.STARTED)
        .group_by(Attempt.payment_order_id)
        .subquery()
    )
    noted = (
        select(Audit.subject, func.count().label("noted")).where(Audit.action == "charge").group_by(Audit.subject)
    ).subquery()
    charged = found(
        select(cast(PaymentOrder.number, Text).label("number"))
        .join(tries, tries.c.payment_order_id == PaymentOrder.id)
        .outerjoin(noted, noted.c.subject == PaymentOrder.number)
        .where(func.coalesce(noted.c.noted, 0) < tries.c.tries)
    )
    return [
        *(f"receipt {r.number} has no audit row" for r in receipts),
        *(f"a try on {r.number} has no audit row" for r in charged),
    ]
