"""Many mails at once over one line: what befalls one of them is its own affair."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from app import clock, jobs
from app.commands.post import mail_delivery
from app.db import end_read
from app.jobs import Later
from app.mail import smtp
from app.models import OrderEmail
from app.states.mail import MailStatus
from tests.engines import free_port
from tests.mail import post
from tests.mail.servers import Awkward, serving


class Counting(Awkward):
    """Remembers how many callers it had, and hangs up on the `drops`-th message, once it has it."""

    def __init__(self, drops: int = 0, refusals: dict[str, str] | None = None) -> None:
        super().__init__(refusals)
        self.callers: set[int] = set()
        self.drops = drops

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.callers.add(id(session))
        self.hangs_up = "after data" if len(self.taken) + 1 == self.drops else ""
        return await super().handle_DATA(server, session, envelope)

    def ids(self) -> Counter[str]:
        return Counter(_message_id(envelope) for envelope in self.taken)


def _message_id(envelope: Envelope) -> str:
    content = envelope.content
    text = content.decode() if isinstance(content, bytes) else content or ""
    return next(line.partition(": ")[2] for line in text.splitlines() if line.lower().startswith("message-id"))


@pytest.fixture(autouse=True)
def no_line_left_over() -> None:
    smtp.KEPT.end_all()


def waiting(count: int) -> list[OrderEmail]:
    return [post.request_payment() for _ in range(count)]


def over(app: Flask, server: str) -> None:
    app.config.update(MAIL_TRANSPORT="smtp", SMTP_URL=f"smtp://{server}")


def after(span: timedelta) -> None:
    with time_machine.travel(clock.now() + span):
        jobs.run_due(raising=True)


def test_many_mails_leave_over_one_line(app: Flask) -> None:
    emails, handler = waiting(5), Counting()
    with serving(handler) as server:
        over(app, server)
        assert jobs.run_due(raising=True) == 5
        smtp.KEPT.end_all()
    assert len(handler.callers) == 1
    assert handler.ids() == {email.message_id: 1 for email in emails}


def test_a_line_that_died_while_it_waited_is_replaced(app: Flask) -> None:
    port = free_port()
    for _ in range(2):
        handler = Counting()
        with serving(handler, port=port) as server:
            over(app, server)
            (email,) = waiting(1)
            jobs.run_due(raising=True)
        assert (post.reload(email).status, post.reload(email).tries) == (MailStatus.SENT, 1)
        assert handler.ids() == {email.message_id: 1}


def test_one_that_breaks_off_is_unclear_and_no_other_is(app: Flask) -> None:
    emails, handler = waiting(3), Counting(drops=2)
    with serving(handler) as server:
        over(app, server)
        jobs.run_due(raising=True)
        first, second, third = map(post.reload, emails)
        assert (first.status, third.status) == (MailStatus.SENT, MailStatus.SENT)
        assert (second.status, second.ambiguous) == (MailStatus.QUEUED, True)
        assert "while taking the message" in (second.last_error or "")
        handler.drops = 0
        after(timedelta(minutes=6))
        smtp.KEPT.end_all()
    assert [post.reload(email).ambiguous for email in emails] == [False, True, False]
    assert handler.ids() == {first.message_id: 1, second.message_id: 2, third.message_id: 1}


def test_a_server_that_is_down_is_asked_once_for_all(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    emails, asked = waiting(3), []
    connect = smtp.Smtp._connect
    monkeypatch.setattr(smtp.Smtp, "_connect", lambda self: (asked.append(1), connect(self))[1])
    over(app, f"127.0.0.1:{free_port()}")
    jobs.run_due(raising=True)
    assert len(asked) == 1
    assert {(post.reload(e).status, post.reload(e).tries) for e in emails} == {(MailStatus.QUEUED, 1)}
    handler = Counting()
    with serving(handler) as server:
        over(app, server)
        after(timedelta(seconds=30))
        smtp.KEPT.end_all()
    assert handler.ids() == {email.message_id: 1 for email in emails}


def test_what_a_slow_server_leaves_no_time_for_waits_for_the_next_round(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    emails, handler = waiting(2), Counting()
    monkeypatch.setattr(mail_delivery, "SPAN", -1.0)
    with serving(handler) as server:
        over(app, server)
        assert jobs.run_due(raising=True) == 2
        assert {(post.reload(e).status, post.reload(e).tries) for e in emails} == {(MailStatus.QUEUED, 0)}
        monkeypatch.setattr(mail_delivery, "SPAN", 20.0)
        after(timedelta(seconds=2))
        smtp.KEPT.end_all()
    assert handler.ids() == {email.message_id: 1 for email in emails}


def test_whoever_is_late_leaves_what_others_took_up_since(app: Flask) -> None:
    emails, handler = waiting(3), Counting()
    asked = [{"email_id": email.id} for email in emails]
    claimed = mail_delivery._claim([x["email_id"] for x in asked])
    end_read()
    with serving(handler) as server:
        over(app, server)
        with time_machine.travel(clock.now() + timedelta(minutes=10)):
            assert mail_delivery.deliver_all(asked) == [None] * 3
            late = mail_delivery._Round(smtp.Smtp.at(f"smtp://{server}")).deliver(claimed)
        smtp.KEPT.end_all()
    assert all(isinstance(outcome, Later) for outcome in late)
    assert len(handler.taken) == 3 and set(handler.ids().values()) == {1}
    assert {post.reload(email).status for email in emails} == {MailStatus.SENT}
