"""Delivering: each mail once, again after what is over by itself, never blindly; and what a crash leaves behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs, links, settings
from app.access import Role
from app.commands.post import email_settings, mail_delivery, mail_outcomes
from app.db import assert_no_transaction, db, end_read, lock, transaction
from app.failpoints import POINTS
from app.mail import policy, transports
from app.mail.message import Envelope
from app.mail.policy import Rule
from app.mail.transports import Ambiguous, Permanent, Transient
from app.models import (
    Approval,
    Document,
    History,
    MailboxMessage,
    OrderEmail,
    PaymentIntent,
    Setting,
    StagedJob,
)
from app.states.mail import MailStatus
from tests import factories
from tests.engines import MailServer
from tests.jobs.together import together
from tests.mail import post
from tests.racing import race

Trouble = Exception | None


class Carrier:
    """A transport that does as told: what it raises next, None for success; and remembers what it carried."""

    def __init__(self) -> None:
        self.troubles: list[Trouble] = []
        self.carried: list[Envelope] = []

    def send(self, envelope: Envelope, handing_over: Callable[[], None]) -> dict[str, str]:
        assert_no_transaction()
        trouble = self.troubles.pop(0) if self.troubles else None
        if isinstance(trouble, Transient):
            raise trouble
        handing_over()
        if trouble is not None:
            raise trouble
        self.carried.append(envelope)
        return {}


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    carrier = Carrier()
    monkeypatch.setattr(transports, "configured", lambda: carrier)
    return carrier


def events(email: OrderEmail) -> list[str]:
    rows = select(History.event).where(History.entity == "order_email", History.entity_id == email.id)
    return list(db.session.scalars(rows.order_by(History.sequence)))


@pytest.fixture
def later() -> Iterator[Callable[[timedelta], None]]:
    """Lets time pass, and does what fell due meanwhile."""
    travellers: list[time_machine.travel] = []

    def pass_time(span: timedelta) -> None:
        traveller = time_machine.travel(clock.now() + span)
        traveller.start()
        travellers.append(traveller)
        jobs.run_due()

    yield pass_time
    for traveller in reversed(travellers):
        traveller.stop()


def test_a_mail_goes_out_with_its_real_link(app: Flask, smtp_server: MailServer) -> None:
    app.config.update(MAIL_TRANSPORT="smtp", SMTP_URL=f"smtp://{smtp_server.host}:{smtp_server.port}")
    approval = post.approval()
    email = post.request_approval(approval)
    jobs.run_due(raising=True)
    (mail,) = smtp_server.mails
    message = mail.message
    link = links.url("approve", approval.public_id, 1)
    parts = {p.get_content_type(): p.get_content() for p in message.walk() if not p.is_multipart()}
    assert link in parts["text/plain"] and f'href="{link}"' in parts["text/html"]
    assert links.PLACEHOLDER not in parts["text/plain"] + parts["text/html"]
    assert message["Message-ID"] == email.message_id
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"] == "Brightwater Health Systems <sales@brightwater.test>"
    assert message["To"].addresses[0].display_name == "Maria Keller"
    after = post.reload(email)
    assert after.status is MailStatus.SENT and after.sent_at is not None
    assert link not in after.text + after.html


def test_a_hidden_copy_is_in_the_envelope_and_in_no_header(app: Flask, smtp_server: MailServer) -> None:
    app.config.update(MAIL_TRANSPORT="smtp", SMTP_URL=f"smtp://{smtp_server.host}:{smtp_server.port}")
    rule = Rule("contact", (), ("books@seller.test",))
    email_settings.save("payment_link", policy.Setting(rule=rule), by=factories.user(Role.ADMIN))
    email = post.request_payment(post.intent())
    jobs.run_due(raising=True)
    (mail,) = smtp_server.mails
    seen = email.recipients[0]["address"]
    assert mail.recipients == [seen, "books@seller.test"] and "books" not in mail.message.as_string()
    assert [(r["role"], r["address"]) for r in post.reload(email).recipients] == [
        ("to", seen),
        ("bcc", "books@seller.test"),
    ]


def test_the_link_is_minted_with_the_generation_of_the_moment(app: Flask, carrier: Carrier) -> None:
    intent = post.intent()
    post.request_payment(intent)
    with transaction() as session:
        session.get_one(PaymentIntent, intent.id).generation = 7
    jobs.run_due(raising=True)
    body = carrier.carried[0].message.get_body(("plain",))
    assert body is not None and links.url("pay", intent.public_id, 7) in body.get_content()


def test_the_approval_learns_when_it_was_sent(app: Flask, carrier: Carrier) -> None:
    approval = post.approval()
    email = post.request_approval(approval)
    jobs.run_due(raising=True)
    sent_at = db.session.scalar(select(Approval.sent_at).where(Approval.id == approval.id))
    assert sent_at == post.reload(email).sent_at


@pytest.mark.engines
def test_a_reminder_and_the_end_of_a_delivery_never_wait_in_a_circle(any_app: Flask, carrier: Carrier) -> None:
    """Whoever reminds holds the submission and then looks at its mail; so does whoever has delivered it."""
    approval = post.approval()
    email = post.request_approval(approval)
    with transaction() as session:
        row = session.get_one(OrderEmail, email.id)
        row.status, row.lease_until = MailStatus.SENDING, (lease := clock.now())
    approval_id, email_id = approval.id, email.id
    end_read()

    def remind() -> None:
        with transaction():
            lock(Approval, approval_id)
            time.sleep(0.3)
            lock(OrderEmail, email_id)

    def delivered() -> None:
        time.sleep(0.1)
        mail_outcomes.delivered(email_id, {}, lease)

    assert race(any_app, [remind, delivered]) == [None, None]
    assert post.reload(email).status is MailStatus.SENT


def test_the_orders_timeline_tells_of_it(app: Flask, carrier: Carrier) -> None:
    email = post.request_approval()
    jobs.run_due(raising=True)
    row = db.session.scalars(select(History).where(History.event == "deliver")).one()
    assert (row.order_id, row.data["kind"], row.data["subject"]) == (email.order_id, "approval_request", email.subject)
    assert row.data["to"] == [r["address"] for r in email.recipients]


def test_delivering_again_sends_nothing(app: Flask, carrier: Carrier) -> None:
    email = post.request_approval()
    jobs.run_due(raising=True)
    mail_delivery.deliver(email.id)
    assert len(carrier.carried) == 1


def test_two_deliveries_at_once_send_once(any_app: Flask, carrier: Carrier) -> None:
    email = post.request_approval()

    def deliver() -> str:
        try:
            mail_delivery.deliver(email.id)
        except jobs.Later:
            return "later"
        return "done"

    together(any_app, deliver)
    assert len(carrier.carried) == 1
    assert post.reload(email).status is MailStatus.SENT


def test_control_without_its_lease_two_deliveries_send_twice(
    any_app: Flask, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = post.request_approval()
    slow = carrier.send
    monkeypatch.setattr(mail_delivery, "LEASE", timedelta(seconds=-1))
    monkeypatch.setattr(mail_delivery, "_mark", lambda email_id, lease: None)
    monkeypatch.setattr(carrier, "send", lambda *args: (time.sleep(0.3), slow(*args))[1])
    together(any_app, lambda: mail_delivery.deliver(email.id), times=2)
    assert len(carrier.carried) == 2


def test_trouble_that_passes_is_waited_out(app: Flask, carrier: Carrier, later: Callable[[timedelta], None]) -> None:
    carrier.troubles = [Transient("451 try later"), Transient("451 try later")]
    email = post.request_approval()
    jobs.run_due(raising=True)
    waiting = post.reload(email)
    assert (waiting.status, waiting.tries, waiting.last_error) == (MailStatus.QUEUED, 1, "451 try later")
    later(timedelta(seconds=21))
    later(timedelta(seconds=61))
    after = post.reload(email)
    assert (after.status, after.tries, after.ambiguous, after.last_error) == (MailStatus.SENT, 3, False, None)
    assert events(email) == ["claim", "put_back", "claim", "put_back", "claim", "deliver"]


def test_after_so_many_tries_it_has_failed_and_says_why(
    app: Flask, carrier: Carrier, later: Callable[[timedelta], None]
) -> None:
    with transaction() as session:
        session.add(Setting(key=settings.MAIL_TRIES.key, value=2))
    carrier.troubles = [Transient("451 try later")] * 9
    email = post.request_approval()
    jobs.run_due(raising=True)
    for _ in range(4):
        later(timedelta(hours=5))
    after = post.reload(email)
    assert (after.status, after.tries, after.last_error) == (MailStatus.FAILED, 2, "451 try later")
    row = db.session.scalars(select(History).where(History.event == "give_up")).one()
    assert (row.order_id, row.because) == (email.order_id, "451 try later")
    assert db.session.scalar(select(func.count(StagedJob.id)).where(StagedJob.done_at.is_(None))) == 0


def test_a_refusal_for_good_is_final(app: Flask, carrier: Carrier) -> None:
    carrier.troubles = [Permanent("550 no such user")]
    email = post.request_approval()
    jobs.run_due(raising=True)
    after = post.reload(email)
    assert (after.status, after.tries, after.last_error) == (MailStatus.FAILED, 1, "550 no such user")


def test_an_unclear_end_is_tried_once_more_under_the_same_message_id(
    app: Flask, carrier: Carrier, later: Callable[[timedelta], None]
) -> None:
    carrier.troubles = [Ambiguous("broke off")]
    email = post.request_approval()
    jobs.run_due(raising=True)
    assert post.reload(email).ambiguous
    later(timedelta(minutes=6))
    assert post.reload(email).status is MailStatus.SENT
    assert [e.message["Message-ID"] for e in carrier.carried] == [email.message_id]


def test_an_end_unclear_twice_is_left_to_people(
    app: Flask, carrier: Carrier, later: Callable[[timedelta], None]
) -> None:
    carrier.troubles = [Ambiguous("broke off")] * 9
    email = post.request_approval()
    jobs.run_due(raising=True)
    for _ in range(4):
        later(timedelta(hours=5))
    after = post.reload(email)
    assert (after.status, after.tries) == (MailStatus.FAILED, 2)
    assert "may have arrived" in (after.last_error or "")


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours runs after it (tests/faults kills for real)."""


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def arm(point: str) -> None:
        assert point in POINTS

        def failpoint(name: str) -> None:
            if name == point:
                raise Killed

        monkeypatch.setattr(mail_delivery, "failpoint", failpoint)

    yield arm
    db.session.rollback()


@pytest.mark.parametrize(("point", "carried", "ambiguous"), [("mail.claimed", 1, False), ("mail.delivered", 2, True)])
def test_what_a_dead_worker_left_is_finished_after_its_lease(
    app: Flask,
    carrier: Carrier,
    killed_at: Callable[[str], None],
    later: Callable[[timedelta], None],
    point: str,
    carried: int,
    ambiguous: bool,
) -> None:
    email = post.request_approval()
    killed_at(point)
    with pytest.raises(Killed):
        jobs.run_due()
    db.session.rollback()
    killed_at("job.staged")
    assert post.reload(email).status is MailStatus.SENDING
    later(timedelta(seconds=60))
    assert post.reload(email).status is MailStatus.SENDING
    later(timedelta(seconds=125))
    after = post.reload(email)
    assert (after.status, after.ambiguous) == (MailStatus.SENT, ambiguous)
    assert {e.message["Message-ID"] for e in carrier.carried} == {email.message_id}
    assert len(carrier.carried) == carried


def test_a_defect_of_ours_leaves_no_mail_lying(
    app: Flask, carrier: Carrier, later: Callable[[timedelta], None]
) -> None:
    carrier.troubles = [ZeroDivisionError()]
    email = post.request_approval()
    jobs.run_due()
    after = post.reload(email)
    assert (after.status, after.ambiguous) == (MailStatus.QUEUED, True)
    later(timedelta(minutes=6))
    assert post.reload(email).status is MailStatus.SENT


def test_a_mail_that_cannot_be_put_together_fails_in_the_end(
    app: Flask, carrier: Carrier, later: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_delivery, "compose", lambda *args, **facts: 1 / 0)
    email = post.request_approval()
    jobs.run_due()
    for _ in range(8):
        later(timedelta(hours=5))
    after = post.reload(email)
    assert (after.status, after.ambiguous) == (MailStatus.FAILED, False)
    assert "defect of its own" in (after.last_error or "")


def test_a_mail_whose_link_died_meanwhile_is_not_sent(app: Flask, carrier: Carrier) -> None:
    intent = post.intent()
    email = post.request_payment(intent)
    with transaction() as session:
        session.get_one(PaymentIntent, intent.id).expires_at = clock.now()
    jobs.run_due(raising=True)
    after = post.reload(email)
    assert (after.status, after.last_error) == (MailStatus.FAILED, "Its link has expired.")
    assert carrier.carried == []


def document(order_id: int | None) -> Document:
    with transaction() as session:
        row = Document(kind="order", subject_id=1, order_id=order_id, content_hash="h", filename="SO-1.pdf", data={})
        session.add(row)
    return row


def test_a_mail_waits_for_its_pdf(app: Flask, carrier: Carrier, later: Callable[[timedelta], None]) -> None:
    pdf = document(None)
    email = post.request_approval(attachments=(pdf.id,))
    jobs.run_due(raising=True)
    assert (post.reload(email).status, post.reload(email).tries) == (MailStatus.QUEUED, 0)
    with transaction() as session:
        row = session.get_one(Document, pdf.id)
        row.body, row.rendered_at, row.size = b"%PDF-1.7", clock.now(), 8
    later(timedelta(seconds=3))
    (envelope,) = carrier.carried
    (attached,) = envelope.message.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("SO-1.pdf", b"%PDF-1.7")


def test_a_mail_whose_pdf_never_comes_fails_with_that_reason(
    app: Flask, carrier: Carrier, later: Callable[[timedelta], None]
) -> None:
    email = post.request_approval(attachments=(document(None).id,))
    jobs.run_due(raising=True)
    later(timedelta(hours=2))
    assert (post.reload(email).status, post.reload(email).last_error) == (
        MailStatus.FAILED,
        "Its PDF could not be made.",
    )


def test_the_demo_keeps_mail_without_its_link(app: Flask) -> None:
    email = post.request_approval()
    jobs.run_due(raising=True)
    assert db.session.scalars(select(MailboxMessage.email_id)).all() == [email.id]
    assert post.reload(email).status is MailStatus.SENT
