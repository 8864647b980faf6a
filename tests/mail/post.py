"""Records that mails are about, as the commands would have left them."""

from __future__ import annotations

import secrets
from datetime import timedelta

from app import clock, numbering
from app.canonical import sha256
from app.commands.post import mails
from app.db import db, transaction
from app.models import Approval, IntentPurpose, OrderEmail, PaymentIntent, PaymentOrder, SalesOrder, Snapshot, User
from app.money import Money
from tests import factories


def approval(order: SalesOrder | None = None) -> Approval:
    """Sent to the order's contact by its owner; nothing mailed yet."""
    order = order or factories.order(owner=factories.user(name="Dana Reyes"))
    with transaction() as session:
        frozen = Snapshot(order_id=order.id, edition=1, content="{}", sha256=sha256("{}"))
        session.add(frozen)
        session.flush()
        row = Approval(
            public_id=secrets.token_hex(8),
            order_id=order.id,
            snapshot_id=frozen.id,
            contact_id=order.contact_id,
            sent_to=order.contact.email if order.contact else "",
            asks_payment=True,
            by_salesperson=True,
            submitted_by_id=order.owner_id,
            expires_at=clock.now() + timedelta(days=14),
        )
        session.add(row)
    return row


def intent(order: SalesOrder | None = None) -> PaymentIntent:
    """A live checkout over 119.00 EUR."""
    order = order or factories.order(owner=factories.user(name="Dana Reyes"))
    with transaction() as session:
        due = PaymentOrder(
            number=numbering.take("payment_order"),
            account_id=order.account_id,
            contact_id=order.contact_id,
            order_id=order.id,
            purpose="First payment",
            amount=11_900,
            currency="EUR",
        )
        session.add(due)
        session.flush()
        row = PaymentIntent(
            public_id=secrets.token_hex(8),
            payment_order_id=due.id,
            purpose=IntentPurpose.LINK,
            amount=11_900,
            currency="EUR",
            expires_at=clock.now() + timedelta(days=30),
        )
        session.add(row)
    return row


def sender(row: Approval) -> User:
    found = db.session.get(User, row.submitted_by_id)
    assert found is not None
    return found


def request_approval(row: Approval | None = None, attachments: tuple[int, ...] = ()) -> OrderEmail:
    """The mail that asks to sign, staged."""
    row = row or approval()
    with transaction():
        return mails.approval_request(
            db.session.merge(row), due_now=Money(11_900, "EUR"), attachments=attachments, by=sender(row)
        )


def request_payment(row: PaymentIntent | None = None) -> OrderEmail:
    """The mail with a payment link, staged."""
    row = row or intent()
    with transaction() as session:
        found = session.get_one(PaymentIntent, row.id)
        order = found.payment_order.order
        assert order is not None
        return mails.payment_link(found, by=order.owner)


def reload(email: OrderEmail) -> OrderEmail:
    """As the database has it now, with no read left open."""
    found = db.session.get(OrderEmail, email.id, populate_existing=True)
    assert found is not None
    db.session.commit()
    return found
