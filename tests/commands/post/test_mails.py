"""Staging mail: in the transaction of its cause, once per cause, without any token."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import links
from app.access import Role
from app.commands.post import mails, resending
from app.db import db, transaction
from app.errors import Refusal
from app.models import (
    Actor,
    Approval,
    OrderEmail,
    PaymentIntent,
    Receipt,
    StagedJob,
    User,
)
from app.states.approval import ApprovalEvent
from app.states.mail import MailStatus
from tests import factories
from tests.mail import post

CUSTOMER = Actor.customer("Maria Keller")


def count(model: type[OrderEmail] | type[StagedJob]) -> int:
    return db.session.scalar(select(func.count(model.id))) or 0


def test_an_approval_request_is_a_row_and_a_job(app: Flask) -> None:
    approval = post.approval()
    email = post.request_approval(approval)
    order = approval.order
    assert (email.kind, email.status, email.order_id) == ("approval_request", MailStatus.QUEUED, order.id)
    assert email.subject == f"Order {order.number} for €410.55 is ready to sign"
    assert email.sender == "Brightwater Health Systems <sales@brightwater.test>"
    assert email.reply_to == order.owner.email
    assert email.asked_by == "Dana Reyes"
    assert re.fullmatch(r"<[0-9a-f]{32}@brightwater.test>", email.message_id)
    assert db.session.scalars(select(StagedJob.args)).all() == [{"email_id": email.id}]


def test_asking_twice_sends_once(app: Flask) -> None:
    approval = post.approval()
    assert post.request_approval(approval).id == post.request_approval(approval).id
    assert (count(OrderEmail), count(StagedJob)) == (1, 1)


def test_a_new_generation_of_the_link_is_a_new_mail(app: Flask) -> None:
    intent = post.intent()
    first = post.request_payment(intent)
    with transaction() as session:
        session.get_one(PaymentIntent, intent.id).generation += 1
    assert post.request_payment(intent).id != first.id


def test_no_row_holds_a_token(app: Flask) -> None:
    emails = [post.request_approval(), post.request_payment()]
    for email in emails:
        row = {c.name: str(getattr(email, c.name)) for c in OrderEmail.__table__.columns}
        assert links.PLACEHOLDER in row["text"] and links.PLACEHOLDER in row["html"]
        assert "/approve/" not in json.dumps(row) and "/pay/" not in json.dumps(row)


def test_what_the_seller_wrote_is_in_the_mail(app: Flask) -> None:
    approval = post.approval()
    with transaction() as session:
        session.get_one(Approval, approval.id).message = "As discussed on Tuesday."
    assert "As discussed on Tuesday." in post.request_approval(approval).text


def receipt(intent: PaymentIntent) -> Receipt:
    with transaction() as session:
        row = Receipt(
            number="R-00001",
            account_id=intent.payment_order.account_id,
            payment_order_id=intent.payment_order_id,
            amount=11_900,
            currency="EUR",
            paid_with="Visa ending in 4242",
        )
        session.add(row)
    return row


def test_a_receipt_thanks_and_shows_staff_pages_to_no_customer(app: Flask) -> None:
    row = receipt(post.intent())
    with transaction() as session:
        email = mails.receipt(session.merge(row), by=CUSTOMER)
    assert email.subject == "Receipt R-00001: €119.00 paid"
    assert "Visa ending in 4242" in email.text
    assert "/orders/" not in email.text + email.html


def test_the_owner_learns_what_the_customer_did(app: Flask) -> None:
    approval, row = post.approval(), receipt(post.intent())
    with transaction() as session:
        approval, row = session.merge(approval), session.merge(row)
        staged = [
            mails.customer_declined(approval, reason="Too expensive.", by=CUSTOMER),
            mails.change_requested(approval, message="Twelve terminals, please.", by=CUSTOMER),
            mails.order_paid(row, by=CUSTOMER),
            mails.new_link_requested(approval, by=CUSTOMER),
        ]
    for email, said in zip(staged, ("Too expensive.", "Twelve terminals", "€119.00", "sign the order"), strict=True):
        assert email is not None
        assert [(r["name"], r["reason"]) for r in email.recipients] == [("Dana Reyes", "owner of the order")]
        assert said in email.text
        assert "http://countersign.test/orders/SO-" in email.text
        assert email.link_kind is None


def test_a_stranger_cannot_flood_the_owner(app: Flask) -> None:
    approval = post.approval()
    for _ in range(5):
        with transaction() as session:
            mails.new_link_requested(session.merge(approval), by=CUSTOMER)
    assert count(OrderEmail) == 1


def sent(email: OrderEmail) -> OrderEmail:
    from app import jobs

    jobs.run_due(raising=True)
    return post.reload(email)


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user(Role.SALESPERSON)


def test_resending_makes_a_new_row_that_points_at_the_old(seller: User) -> None:
    old = sent(post.request_payment())
    new = resending.resend(old.id, form_key="key-1", by=seller)
    assert (new.resent_from_id, new.asked_by, new.status) == (old.id, seller.name, MailStatus.QUEUED)
    assert new.message_id != old.message_id
    assert (new.text, new.recipients) == (old.text, old.recipients)
    assert resending.resend(old.id, form_key="key-1", by=seller).id == new.id
    assert resending.resend(old.id, form_key="key-2", by=seller).id != new.id


def test_a_mail_on_its_way_is_not_sent_again(seller: User) -> None:
    email = post.request_payment()
    with pytest.raises(Refusal, match="mail_on_its_way"):
        resending.resend(email.id, form_key="key", by=seller)


def test_a_mail_whose_link_is_dead_is_not_sent_again(seller: User) -> None:
    approval = post.approval()
    email = sent(post.request_approval(approval))
    with transaction() as session:
        session.get_one(Approval, approval.id).transition(ApprovalEvent.REVOKE, by=Actor.of(seller))
    with pytest.raises(Refusal, match="link_dead"):
        resending.resend(email.id, form_key="key", by=seller)


def test_resending_needs_its_permission(seller: User) -> None:
    email = sent(post.request_payment())
    with pytest.raises(Refusal, match="not_permitted"):
        resending.resend(email.id, form_key="key", by=factories.user(Role.READ_ONLY))
