"""Order Email Settings: editions that are kept, rules that decide who gets a mail, words that it is put in."""

from __future__ import annotations

import pytest
from flask import Flask
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app import jobs, links
from app.access import Role
from app.commands.post import email_settings, mails
from app.db import db, transaction
from app.errors import Refusal, StaleVersion
from app.mail import examples, kinds, policy, recipients
from app.mail.policy import HOUSE, Rule, Setting
from app.mail.reminder_kinds import InvoiceReminded
from app.models import Account, Audit, MailEdition, OrderEmail, PaymentIntent, PaymentOrder, Receipt, User
from tests import factories
from tests.mail import post
from tests.mail.test_recipients import bookkeeper

WORDS = Setting(subject="Pay {{ amount }}", body="Dear {{ first_name }},\n\nplease pay {{ amount }}.")


@pytest.fixture
def admin(app: Flask) -> User:
    factories.company()
    return factories.user(Role.ADMIN, name="Ada Admin")


def asked() -> PaymentOrder:
    found = db.session.get(PaymentOrder, post.intent().payment_order_id)
    assert found is not None
    return found


def test_a_mail_is_worded_by_the_edition_in_force_and_says_which(admin: User) -> None:
    email_settings.save("payment_link", WORDS, by=admin)
    email = post.reload(post.request_payment())
    assert (email.subject, email.edition) == ("Pay €119.00", 1)
    assert "Dear Maria,\n\nplease pay €119.00." in email.text
    assert '<p class="worded">Dear Maria,</p>' in email.html
    assert links.PLACEHOLDER in email.text and "no account is needed" not in email.text
    assert "\n\n\n" not in email.text


def test_the_footer_promises_no_reader_whom_a_reply_does_not_reach(admin: User) -> None:
    assert "it goes to Dana Reyes" in post.reload(post.request_payment()).text
    email_settings.save("payment_link", Setting(reply_to="ar@seller.test"), by=admin)
    email = post.reload(post.request_payment())
    assert email.reply_to == "ar@seller.test" and "it goes to" not in email.text


def test_what_people_are_called_cannot_break_the_frame(admin: User) -> None:
    email_settings.save("payment_link", replace(HOUSE, body="{{ purpose }}"), by=admin)
    intent = post.intent()
    with transaction() as session:
        session.get_one(PaymentIntent, intent.id).payment_order.purpose = "<script>{{ name }}</script>"
    email = post.reload(post.request_payment(intent))
    assert "<script>" not in email.html and "&lt;script&gt;{{ name }}" in email.html


def test_every_save_is_an_edition_with_its_audit_row(admin: User) -> None:
    first = email_settings.save("receipt", replace(HOUSE, subject="Thank you"), by=admin)
    email_settings.save("receipt", replace(first, subject="Thanks"), by=admin)
    email_settings.save("receipt", replace(first, edition=2, subject="Thanks"), by=admin)  # nothing is different
    rows = db.session.execute(select(MailEdition.edition, MailEdition.subject, MailEdition.made_by)).all()
    assert rows == [(1, "Thank you", "Ada Admin"), (2, "Thanks", "Ada Admin")]
    trail = db.session.scalars(select(Audit).where(Audit.action == "email_settings.changed").order_by(Audit.id)).all()
    assert [(row.subject, row.before["subject"], row.after["subject"]) for row in trail] == [
        ("receipt", "", "Thank you"),
        ("receipt", "Thank you", "Thanks"),
    ]
    db.session.rollback()
    with pytest.raises(DBAPIError, match="append-only"), transaction() as session:
        session.get_one(MailEdition, 1).subject = "Never said"


def test_a_second_tab_overwrites_nothing(admin: User) -> None:
    email_settings.save("receipt", replace(HOUSE, subject="Mine"), by=admin)
    with pytest.raises(StaleVersion):
        email_settings.save("receipt", replace(HOUSE, subject="Yours"), by=admin)


def test_resetting_is_an_edition_too(admin: User) -> None:
    email_settings.save("payment_link", WORDS, by=admin)
    email_settings.reset("payment_link", edition=1, by=admin)
    assert post.reload(post.request_payment()).subject.startswith("Please pay")
    assert policy.of("payment_link").edition == 2


def test_only_those_who_may_change_them(admin: User) -> None:
    with pytest.raises(Refusal, match="not_permitted"):
        email_settings.save("receipt", replace(HOUSE, subject="x"), by=factories.user(Role.SALES_MANAGER))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (Setting(subject="{{ nmae }}"), "subject"),
        (Setting(body="{{ name.x }}"), "body"),
        (Setting(body="{{ owner }}"), "body"),
        (Setting(sender="Sales"), "sender"),
        (Setting(reply_to="not an address"), "reply_to"),
        (Setting(rule=Rule("contact", (), ("ap@", "b@c.test"))), "fixed"),
        (Setting(rule=Rule("contact", (), tuple(f"a{n}@c.test" for n in range(11)))), "fixed"),
    ],
)
def test_what_cannot_be_used_is_refused_beside_its_field(admin: User, wrong: Setting, field: str) -> None:
    assert list(email_settings.faults(kinds.PaymentLink, wrong)) == [field]
    with pytest.raises(Refusal, match="wrong_words"):
        email_settings.save("payment_link", wrong, by=admin)


def test_the_rule_says_who_gets_it_and_why(admin: User) -> None:
    rule = Rule("ap", ("owner", "billing", "contact"), ("books@seller.test",))
    email_settings.save("payment_link", Setting(rule=rule), by=admin)
    due = asked()
    assert due.order is not None
    with transaction() as session:
        session.get_one(Account, due.account_id).ap_email = "ap@northfield.test"
    bookkeeper(due.order, email="uwe@northfield.test")
    db.session.expire_all()
    found = recipients.for_payment(due)
    assert [(r.role, r.address.partition("@")[0], r.reason) for r in found[:1]] == [
        ("to", "ap", "accounts payable of the account")
    ]
    assert {r.reason for r in found[1:]} == {
        "owner of the order",
        "billing contact of the account",
        "contact of the payment order",
        "named in Order Email Settings",
    }


def test_without_an_address_of_accounts_payable_the_next_in_line_gets_it(admin: User) -> None:
    email_settings.save("payment_link", Setting(rule=Rule("ap")), by=admin)
    (only,) = recipients.for_payment(asked())
    assert only.reason == "contact of the payment order"


def test_a_mail_that_is_off_is_not_staged(admin: User) -> None:
    email_settings.save("receipt", Setting(is_on=False), by=admin)
    with transaction():
        assert mails.receipt(Receipt(), by=admin) is None
    assert db.session.scalars(select(OrderEmail.kind).where(OrderEmail.kind == "receipt")).all() == []


def test_what_is_sent_on_purpose_cannot_be_turned_off(admin: User) -> None:
    email_settings.save("payment_link", replace(WORDS, is_on=False), by=admin)
    assert policy.is_on("payment_link")


def test_a_test_of_a_reminder_is_about_no_invoice_and_leaves(admin: User) -> None:
    content = examples.of(InvoiceReminded)
    email = email_settings.send_test("invoice_reminder", HOUSE, content, form_key="k1", by=admin)
    assert jobs.run_due(raising=True) >= 1
    assert db.session.get_one(OrderEmail, email.id, populate_existing=True).status == "sent"


def test_a_test_goes_to_whoever_asks_and_to_nobody_else(admin: User) -> None:
    content = examples.of(kinds.PaymentLink)
    for _ in range(2):
        email = email_settings.send_test("payment_link", WORDS, content, form_key="k1", by=admin)
    row = db.session.scalars(select(OrderEmail)).one()
    assert (row.id, row.subject, row.order_id) == (email.id, "[Test] Pay €14,463.00", None)
    assert [(r["address"], r["reason"]) for r in row.recipients] == [(admin.email, "asked for this test")]
    assert links.PLACEHOLDER in row.text and row.link_kind is None
    assert policy.of("payment_link") == HOUSE
    assert jobs.run_due(raising=True) >= 1
