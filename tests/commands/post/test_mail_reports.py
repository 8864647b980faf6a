"""What the mail service reports: believed by its signature, taken in once, and seen on the mail and its address."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs
from app.access import Role
from app.commands.payments import payment_links
from app.commands.post import mail_reports, resending, suppressions
from app.db import db, get, transaction
from app.errors import Refusal
from app.mail import reports, suppression
from app.mail.reports import BadReport
from app.models import Audit, Escalation, MailReport, OrderEmail, PaymentOrder, SuppressedAddress
from app.states.escalation import EscalationStatus
from app.states.mail import MailStatus
from tests import factories, waiting
from tests.conftest import Client
from tests.mail import post
from tests.mail.test_recipients import bookkeeper

SECRET = "mail-secret-mail-secret-mail-secret-1"


@pytest.fixture(autouse=True)
def configured(app: Flask) -> None:
    app.config["MAIL_WEBHOOK_SECRETS"] = (SECRET, "the-one-before")


@pytest.fixture
def sent(app: Flask) -> OrderEmail:
    email = post.request_payment()
    jobs.run_due(raising=True)
    return post.reload(email)


def report(email: OrderEmail, type: str, *, id: str = "evt_1", **more: Any) -> bytes:
    to = email.recipients[0]["address"]
    return json.dumps({"id": id, "type": type, "message_id": email.message_id, "recipient": to} | more).encode()


def tell(body: bytes) -> bool:
    return mail_reports.take_in(body, reports.signed(body, clock.now())[reports.HEADER])


def suppressed() -> list[str]:
    return list(db.session.scalars(select(SuppressedAddress.address).where(SuppressedAddress.lifted_at.is_(None))))


@pytest.mark.parametrize(
    ("type", "status", "addresses"),
    [
        ("delivered", MailStatus.DELIVERED, 0),
        ("bounced", MailStatus.BOUNCED, 1),
        ("complained", MailStatus.COMPLAINED, 1),
    ],
)
def test_the_row_learns_of_it_once(sent: OrderEmail, type: str, status: MailStatus, addresses: int) -> None:
    body = report(sent, type, reason="550 no such user")
    assert tell(body) is True
    assert tell(body) is False
    assert post.reload(sent).status is status
    assert len(suppressed()) == addresses
    assert db.session.scalar(select(func.count(MailReport.id))) == 1


def test_an_answer_in_several_lines_is_understood(sent: OrderEmail) -> None:
    assert tell(report(sent, "bounced", reason="550-5.1.1 no such user\r\n550 see the manual"))
    assert "550-5.1.1 no such user 550 see the manual" in (post.reload(sent).last_error or "")


def test_a_late_bounce_outweighs_a_delivery_and_never_the_other_way_round(sent: OrderEmail) -> None:
    tell(report(sent, "delivered"))
    tell(report(sent, "bounced", id="evt_2"))
    tell(report(sent, "delivered", id="evt_3"))
    assert post.reload(sent).status is MailStatus.BOUNCED


def test_a_delay_suppresses_nobody(sent: OrderEmail) -> None:
    tell(report(sent, "bounced", permanent=False, reason="452 mailbox full"))
    assert (post.reload(sent).status, suppressed()) == (MailStatus.SENT, [])


def test_somebody_in_copy_who_bounces_leaves_the_mail_sent(app: Flask) -> None:
    intent = post.intent()
    order = intent.payment_order.order
    assert order is not None
    bookkeeper(order)
    email = post.request_payment(intent)
    jobs.run_due(raising=True)
    tell(report(email, "bounced", recipient="AP@northfield.test", reason="550 gone"))
    after = post.reload(email)
    assert after.status is MailStatus.SENT and suppressed() == ["ap@northfield.test"]
    assert "550 gone" in next(r["refused"] for r in after.recipients if r["role"] == "cc")


def test_a_report_settles_what_nobody_here_could_know(app: Flask) -> None:
    email = post.request_payment()
    with transaction() as session:
        row = session.get_one(OrderEmail, email.id)
        row.status, row.ambiguous, row.handing_over = MailStatus.SENDING, True, True
    tell(report(email, "delivered"))
    after = post.reload(email)
    assert (after.status, after.ambiguous) == (MailStatus.DELIVERED, False)
    jobs.run_due(raising=True)
    assert post.reload(email).tries == 0  # it is not sent again


def test_a_link_that_bounced_escalates_and_its_resending_relieves(sent: OrderEmail) -> None:
    tell(report(sent, "bounced", reason="550 no such user"))
    row = db.session.scalars(select(Escalation)).one()
    assert "550 no such user" in row.summary and row.status is EscalationStatus.OPEN


def test_a_suppressed_address_is_refused_with_the_reason_until_it_is_lifted(sent: OrderEmail) -> None:
    tell(report(sent, "bounced", reason="550 no such user"))
    ar = factories.user(Role.AR)
    with pytest.raises(Refusal, match="address_suppressed") as refused:
        resending.resend(sent.id, form_key="k1", by=ar)
    assert "550 no such user" in refused.value.sentence
    due = db.session.scalars(select(PaymentOrder)).one()
    assert "address_suppressed" in [r.code for r in payment_links.blocks(due)]
    db.session.rollback()
    row = db.session.scalars(select(SuppressedAddress)).one()
    suppressions.lift(row.id, because="They renamed the mailbox.", by=ar)
    assert suppression.among([row.address]) == {}
    assert "address_suppressed" not in [r.code for r in payment_links.blocks(get(PaymentOrder, due.id))]
    db.session.rollback()
    trail = db.session.scalars(select(Audit).where(Audit.action.like("address.%")).order_by(Audit.id)).all()
    assert [(t.action, t.subject) for t in trail] == [
        ("address.suppressed", row.address),
        ("address.lifted", row.address),
    ]
    with pytest.raises(Refusal, match="not_suppressed"):
        suppressions.lift(row.id, because="Again.", by=ar)


def test_lifting_needs_its_permission(app: Flask) -> None:
    row = waiting.suppressed()
    with pytest.raises(Refusal, match="not_permitted"):
        suppressions.lift(row.id, because="I say so.", by=factories.user(Role.PAYMENT_OPERATIONS))


def test_what_was_staged_before_is_not_sent_there_either(app: Flask) -> None:
    email = post.request_payment()
    waiting.suppressed(email.recipients[0]["address"].lower())
    jobs.run_due(raising=True)
    after = post.reload(email)
    assert after.status is MailStatus.FAILED and "came back" in (after.last_error or "")


def test_a_suppressed_copy_is_left_out_and_told(app: Flask) -> None:
    intent = post.intent()
    assert intent.payment_order.order is not None
    bookkeeper(intent.payment_order.order)
    waiting.suppressed("ap@northfield.test")
    email = post.request_payment(intent)
    jobs.run_due(raising=True)
    after = post.reload(email)
    assert after.status is MailStatus.SENT
    assert [r["address"] for r in after.recipients if "refused" in r] == ["ap@northfield.test"]


FORGED: dict[str, Callable[[bytes], str]] = {
    "nothing": lambda body: "",
    "another secret": lambda body: "t=1764500000,v1=" + "0" * 64,
    "another body": lambda body: reports.signed(body + b" ", clock.now())[reports.HEADER],
}


@pytest.mark.parametrize("signature", FORGED.values(), ids=FORGED)
def test_whoever_has_no_secret_is_not_believed(sent: OrderEmail, signature: Callable[[bytes], str]) -> None:
    body = report(sent, "bounced")
    with pytest.raises(BadReport, match="forged"):
        mail_reports.take_in(body, signature(body))
    assert post.reload(sent).status is MailStatus.SENT


def test_an_old_signature_is_not_believed(sent: OrderEmail) -> None:
    body = report(sent, "bounced")
    for off in (timedelta(minutes=6), -timedelta(minutes=6)):
        with pytest.raises(BadReport, match="stale"):
            mail_reports.take_in(body, reports.signed(body, clock.now() + off)[reports.HEADER])


def test_the_webhook_answers_for_itself(app: Flask, client: Client, sent: OrderEmail) -> None:
    def post_it(body: bytes) -> Any:
        return client.post("/webhooks/mail", data=body, headers=reports.signed(body, clock.now()))

    body = report(sent, "delivered")
    assert [post_it(body).json for _ in range(2)] == [{"received": True, "new": True}, {"received": True, "new": False}]
    nothing = report(sent, "delivered", id="evt_9", message_id="<nobody@elsewhere>")
    assert post_it(nothing).json == {"received": True, "new": True}
    for wrong in (b"{", b"[]", b'{"id": 1}', report(sent, "opened", id="evt_8"), report(sent, "bounced", id="")):
        assert (post_it(wrong).status_code, post_it(wrong).json) == (400, {"error": "unreadable"})
    assert client.post("/webhooks/mail", data=body).status_code == 400
    app.config["MAIL_WEBHOOK_SECRETS"] = ()
    assert client.post("/webhooks/mail", data=body).status_code == 404


def test_a_rotated_secret_is_believed_meanwhile(app: Flask, sent: OrderEmail) -> None:
    body = report(sent, "delivered")
    header = reports.signed(body, clock.now())[reports.HEADER]
    app.config["MAIL_WEBHOOK_SECRETS"] = ("a-new-one", SECRET)
    assert mail_reports.take_in(body, header)
