"""The pages about order mail: its settings, the queue of what did not arrive, one mail, suppressed addresses."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs, links
from app.access import Role
from app.db import db, end_read, get
from app.formatting import day, money
from app.mail import policy
from app.models import Escalation, Invoice, MailEdition, OrderEmail, SalesOrder, SuppressedAddress, Symptom, Team, User
from app.money import Money
from app.queries.order_mail import PROMPT
from tests import factories, plans, waiting
from tests.conftest import Client
from tests.gateways.scripted import every_account
from tests.mail import post
from tests.statements import counted

HERE = "/admin/mails/payment_link"
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def ada(app: Flask) -> User:
    factories.company()
    return factories.user(Role.ADMIN, name="Ada Admin")


@pytest.fixture
def browser(client: Client, ada: User) -> Client:
    return client.sign_in(ada)


def typed(**changes: object) -> dict[str, object]:
    """The form as the page fills it in, with changes."""
    return {
        "edition": 0,
        "to": "contact",
        "copies": ["billing"],
        "fixed": "",
        "sender": "",
        "reply_to": "",
        "subject": "Pay {{ amount }}",
        "body": "Dear {{ first_name }}",
        "order": "",
    } | changes


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_the_list_says_of_every_kind_who_gets_it(browser: Client) -> None:
    with counted() as seen:
        page = browser.get("/admin/mails").text
    assert "Contact of the order or the agreement; in copy: Billing contact of the account" in page
    assert "Only the person who is asked" in page and "Owner of the order" in page
    assert len(seen) < 12


def test_saving_makes_an_edition_and_the_page_shows_it(browser: Client) -> None:
    answer = browser.post(HERE, data=typed(copies=["billing", "owner"], fixed="books@seller.test\n"))
    assert answer.status_code == 303
    page = browser.get(HERE).text
    assert "Edition 1" in page and "Ada Admin" in page and "books@seller.test" in page
    with browser.application.app_context():
        assert policy.rule_of("payment_link").copies == ("billing", "owner")


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(browser: Client) -> None:
    answer = browser.post(HERE, data=typed(body="fine\n{{ nmae }}", fixed="nobody@", subject="Typed"))
    assert answer.status_code == 422
    assert 'id="body-error"' in answer.text and "Line 2: There is no “nmae”" in answer.text
    assert 'id="fixed-error"' in answer.text and 'value="Typed"' in answer.text
    assert count(MailEdition) == 0


def test_the_second_tab_is_told(browser: Client) -> None:
    browser.post(HERE, data=typed())
    answer = browser.post(HERE, data=typed(subject="Mine"))
    assert answer.status_code == 409 and "another edition meanwhile" in answer.text and 'value="Mine"' in answer.text
    assert count(MailEdition) == 1


def test_the_house_can_have_it_back(browser: Client) -> None:
    browser.post(HERE, data=typed())
    assert browser.post(f"{HERE}/reset", data={"edition": 1}).status_code == 303
    assert "please pay" in browser.get(HERE).text.lower() and count(MailEdition) == 2


def test_a_preview_is_of_what_is_typed_and_of_a_real_order(browser: Client) -> None:
    order = factories.order(owner=factories.user(name="Dana Reyes"))
    answer = browser.post(f"{HERE}/preview", data=typed(order=order.number, body="For {{ number }} by {{ owner }}"))
    assert f"For {order.number} by Dana Reyes" in answer.text
    assert "frame-ancestors 'self'; sandbox" in answer.headers["Content-Security-Policy"]
    text = browser.post(f"{HERE}/preview", data=typed(order=order.number, text="yes"))
    assert "<pre>" in text.text and links.PLACEHOLDER in text.text
    wrong = browser.post(f"{HERE}/preview", data=typed(order="SO-0", body="{{ nmae }}"))
    assert wrong.status_code == 422 and "There is no order of this number." in wrong.text and "nmae" in wrong.text
    assert count(MailEdition) == count(OrderEmail) == 0


def test_a_preview_tells_what_is_asked_for_billed_and_agreed(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    every_account(monkeypatch)

    def seen(kind: str, of: str, body: str) -> str:
        answer = browser.post(f"/admin/mails/{kind}/preview", data=typed(order=of, subject="x", body=body, text="yes"))
        assert answer.status_code == 200
        return answer.text

    deposit = factories.order(deposit_percent="20")
    total = deposit.totals().gross
    due_now = Money(total.minor // 5, total.currency)
    wanted = f"{money(due_now)} of {money(total)}"
    end_read()
    assert wanted in seen("approval_request", deposit.number, "{{ due_now }} of {{ total }}")
    row = plans.by_order()
    order = get(SalesOrder, row.order_id)
    bill = db.session.scalars(select(Invoice).where(Invoice.order_id == order.id)).one()
    named, billed, next_on = order.number, f"{bill.number}: nothing open", day(plans.payments(row)[0].due_on)
    end_read()
    assert billed in seen("invoice", named, "{{ number }}: {% if open %}{{ open }}{% else %}nothing open{% endif %}")
    assert f"{row.number} on {next_on}" in seen("agreement", named, "{{ number }} on {{ next_on }}")
    assert f"{row.number} Visa" in seen("card_needed", named, "{{ number }} {{ card }}")


def test_a_test_is_mailed_to_me_and_keeps_what_i_typed(browser: Client, ada: User) -> None:
    answer = browser.post(f"{HERE}/test", data=typed(form_key="k1"))
    assert f"A test is on its way to {ada.email}." in answer.text and 'value="Pay {{ amount }}"' in answer.text
    assert count(OrderEmail) == 1 and count(MailEdition) == 0


@pytest.mark.parametrize("kind", ["approval_request", "order_paid"])
def test_who_must_not_be_chosen_cannot_be(browser: Client, kind: str) -> None:
    page = browser.get(f"/admin/mails/{kind}").text
    assert 'name="to"' not in page and 'name="fixed"' not in page
    browser.post(f"/admin/mails/{kind}", data=typed(subject="Own", body=""))
    assert db.session.scalar(select(MailEdition.rule)) is None


def test_a_kind_that_is_none_is_not_found(browser: Client) -> None:
    assert browser.get("/admin/mails/newsletter").status_code == 404
    assert browser.post("/admin/mails/newsletter/preview", data=typed()).status_code == 404


def test_the_settings_are_the_admins(client: Client) -> None:
    client.sign_in(factories.user(Role.SALES_MANAGER))
    assert client.get(HERE).status_code == client.post(HERE, data=typed()).status_code == 403


def test_what_did_not_arrive_waits_until_it_is_sent_again(browser: Client) -> None:
    email = waiting.failed_link_mail()
    page = browser.get("/operations/mail/").text
    assert email.subject in page and "The mailbox does not exist." in page
    answer = browser.post(f"/operations/mail/{email.id}/resend", headers=FRAGMENT)
    assert "Every mail has reached its reader" in answer.text
    again = db.session.scalars(select(OrderEmail).order_by(OrderEmail.id.desc())).first()
    assert again is not None and again.resent_from_id == email.id
    browser.post(f"/operations/mail/{email.id}/resend")
    assert count(OrderEmail) == 2


def test_mail_that_does_not_leave_is_an_alert_for_operations_too(browser: Client, app: Flask) -> None:
    app.config.update(MAIL_TRANSPORT="smtp", SMTP_URL="smtp://127.0.0.1:1")
    post.request_payment()
    jobs.run_due(raising=True)
    assert "waits to leave" not in browser.get("/operations/mail/").text
    with time_machine.travel(clock.now() + PROMPT + timedelta(seconds=5)):
        for path in ("/operations/mail/", "/operations/payments/"):
            page = browser.get(path).text
            assert "1 mail waits to leave." in page and "could not be reached" in page


def test_the_queue_costs_the_same_however_long_it_is(browser: Client) -> None:
    waiting.failed_link_mail()
    with counted() as one:
        browser.get("/operations/mail/")
    waiting.failed_link_mail()
    with counted() as two:
        browser.get("/operations/mail/")
    assert len(two) == len(one)


def test_a_mail_is_shown_without_its_link(browser: Client) -> None:
    email = post.request_payment()
    jobs.run_due(raising=True)
    assert email.order_id is not None
    number = db.session.scalar(select(OrderEmail.subject).where(OrderEmail.id == email.id))
    page = browser.get(f"/operations/mail/{email.id}").text
    assert str(number) in page and "Its link is withheld" in page and "contact of the payment order" in page
    body = browser.get(f"/operations/mail/{email.id}/body")
    assert links.PLACEHOLDER in body.text and "sandbox" in body.headers["Content-Security-Policy"]


def test_a_wrong_recipient_becomes_the_admins_escalation_with_the_mail(client: Client) -> None:
    dana = factories.user(Role.SALESPERSON, name="Dana Reyes")
    order = factories.order(owner=dana)
    email = post.request_payment(post.intent(order))
    client.sign_in(dana)
    path = f"/orders/{order.number}/mails/{email.id}"
    assert "Wrong recipient" in client.get(path).text
    assert "Say who is wrong" in client.post(f"{path}/wrong-recipient", data={"because": ""}).text
    for _ in range(2):
        client.post(f"{path}/wrong-recipient", data={"because": "Maria has left; Uwe pays."})
    row = db.session.scalars(select(Escalation)).one()
    assert (row.symptom, row.team, row.opened_by) == (Symptom.WRONG_RECIPIENT, Team.ADMIN, "Dana Reyes")
    assert row.context["mail"] == email.subject and "contact of the payment order" in row.context["recipients"]
    assert links.PLACEHOLDER in row.context["text"]
    stranger = factories.order(owner=factories.user())
    assert client.get(f"/orders/{stranger.number}/mails/{email.id}").status_code == 404


def test_resending_shows_who_gets_it_and_why_before(client: Client) -> None:
    dana = factories.user(Role.SALESPERSON)
    order = factories.order(owner=dana)
    email = post.request_payment(post.intent(order))
    jobs.run_due(raising=True)
    client.sign_in(dana)
    path = f"/orders/{order.number}/mails/{email.id}/resend"
    assert "(contact of the payment order)" in client.get(path).text
    waiting.suppressed(email.recipients[0]["address"].lower())
    assert "Nothing is sent to this address." in client.get(path).text
    assert client.post(path).status_code == 409


def test_who_does_not_see_the_queue_sends_nothing_of_it_again(client: Client) -> None:
    email = post.request_payment()
    client.sign_in(factories.user(Role.SALESPERSON))
    assert client.post(f"/operations/mail/{email.id}/resend").status_code == 403
    assert db.session.query(OrderEmail).count() == 1


def test_a_name_is_for_senders_and_no_address_to_copy_to(browser: Client) -> None:
    for wrong in ("Pat <pat@x.com>", "a@b.com, c@d.com"):
        answer = browser.post(HERE, data=typed(fixed=wrong))
        assert answer.status_code == 422 and "is no address that mail can go to" in answer.text


def test_an_address_is_lifted_with_a_reason(client: Client) -> None:
    row = waiting.suppressed()
    client.sign_in(factories.user(Role.AR, name="Rolf AR"))
    assert "550 no such user" in client.get("/operations/mail/suppressed").text
    path = f"/operations/mail/suppressed/{row.id}/lift"
    assert client.post(path, data={"because": ""}).status_code == 422
    assert client.post(path, data={"because": "Renamed."}).status_code == 303
    assert db.session.scalars(select(SuppressedAddress.lifted_by)).one() == "Rolf AR"
    page = client.get("/operations/mail/suppressed?lifted=yes").text
    assert "Renamed." in page and row.address in page
    assert "No address like this" in client.get("/operations/mail/suppressed?q=zz").text
    client.sign_in(waiting.operator())
    assert client.post(path, data={"because": "Again."}).status_code == 403
