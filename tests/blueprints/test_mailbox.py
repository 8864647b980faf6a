"""The demo's mailbox: readable by everybody where it stands in for mail, and nowhere else."""

from __future__ import annotations

import html

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock, jobs, links
from app.db import db, transaction
from app.models import Approval, Document, MailboxMessage
from tests import factories
from tests.conftest import Client, make_app
from tests.mail import post


@pytest.fixture
def approval(app: Flask) -> Approval:
    """Whose mail with one PDF has arrived as the first message."""
    row = post.approval()
    with transaction() as session:
        pdf = Document(
            kind="order",
            subject_id=1,
            content_hash="h",
            filename="SO-1001.pdf",
            data={},
            body=b"%PDF-1.7",
            size=8,
            rendered_at=clock.now(),
        )
        session.add(pdf)
    post.request_approval(row, attachments=(pdf.id,))
    jobs.run_due(raising=True)
    return row


@pytest.fixture
def link(approval: Approval) -> str:
    return links.url("approve", approval.public_id, approval.generation)


def test_an_empty_mailbox_says_what_belongs_there(client: Client) -> None:
    factories.company()
    assert "the mail with the link arrives here" in client.get("/mailbox/").text


def test_the_list_shows_newest_first(app: Flask, client: Client, approval: Approval) -> None:
    post.request_payment()
    jobs.run_due(raising=True)
    page = client.get("/mailbox/").text
    assert page.index("Please pay") < page.index("is ready to sign")
    assert "Maria Keller" in page


def test_the_list_goes_on_by_key(app: Flask, client: Client, approval: Approval) -> None:
    for _ in range(51):
        post.request_payment()
    jobs.run_due(raising=True)
    first = client.get("/mailbox/").text
    assert "?before=3" in first
    assert "/mailbox/2" in client.get("/mailbox/?before=3").text


def test_a_message_says_who_got_it_and_why(client: Client, approval: Approval) -> None:
    page = client.get("/mailbox/1").text
    assert "contact of the order" in page
    assert "Replies go to" in page
    assert 'sandbox="allow-top-navigation-by-user-activation allow-popups"' in page


def test_the_link_is_minted_when_a_mail_is_opened(client: Client, link: str) -> None:
    body = client.get("/mailbox/1/body")
    assert f'href="{link}"' in body.text
    assert '<base target="_top">' in body.text
    assert links.PLACEHOLDER not in body.text
    text = client.get("/mailbox/1?view=text").text
    assert f'<a href="{html.escape(link)}">' in text


def test_the_page_around_it_holds_no_token(client: Client, link: str) -> None:
    assert link not in client.get("/mailbox/1").text + client.get("/mailbox/").text


def test_a_mail_may_do_nothing_but_look_good(client: Client, approval: Approval) -> None:
    answer = client.get("/mailbox/1/body")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_attachments_come_as_files(client: Client, approval: Approval) -> None:
    assert "SO-1001.pdf" in client.get("/mailbox/1").text
    answer = client.get("/mailbox/1/attachments/0")
    assert (answer.data, answer.mimetype) == (b"%PDF-1.7", "application/pdf")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert client.get("/mailbox/1/attachments/1").status_code == 404


def test_what_is_not_there_is_not_found(client: Client) -> None:
    factories.company()
    for path in ("/mailbox/1", "/mailbox/1/body", "/mailbox/1/attachments/0"):
        assert client.get(path).status_code == 404


def test_there_is_no_mailbox_where_mail_really_goes_out(app: Flask, client: Client, approval: Approval) -> None:
    app.config["MAIL_TRANSPORT"] = "smtp"
    for path in ("/mailbox/", "/mailbox/1", "/mailbox/1/body"):
        assert client.get(path).status_code == 404


def test_there_is_none_in_production(app: Flask) -> None:
    production = make_app(
        app.config["SQLALCHEMY_DATABASE_URI"], app.config["INSTANCE"], ENVIRONMENT="production", PRODUCTION=True
    )
    assert "mailbox.index" not in production.view_functions


def test_only_reading_it_mints_a_link(app: Flask, approval: Approval) -> None:
    """Nothing of the token is in the database, however often it is read (invariant 22)."""
    token = links.mint("approve", approval.public_id, approval.generation)
    app.test_client().get("/mailbox/1/body")
    dump = "\n".join(db.engine.raw_connection().driver_connection.iterdump())  # type: ignore[union-attr]
    assert token not in dump
    assert db.session.scalar(select(MailboxMessage.id)) == 1
