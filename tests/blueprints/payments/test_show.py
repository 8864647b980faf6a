"""The page of a payment order: what it tells in each state, what may be done, and what it costs."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app import jobs
from app.access import Role
from app.commands.orders import approvals
from app.commands.payments import payment_links, payment_orders
from app.db import db, transaction
from app.models import Document, OrderEmail, PaymentIntent, PaymentOrder, SalesOrder, User
from app.states.attempt import AttemptStatus
from tests import factories
from tests.blueprints.payments.conftest import FRAGMENT, charged
from tests.commands.collecting import fresh
from tests.conftest import Client
from tests.documents.test_documents import rendered, text_of
from tests.statements import counted


def page(browser: Client, number: str) -> str:
    return browser.get(f"/payments/{number}").text


def test_a_new_request_says_what_to_do_next(browser: Client, due: PaymentOrder) -> None:
    told = page(browser, due.number)
    for words in (
        "€100.00 is requested.",
        "The customer has no live link to pay it.",
        "Send payment link",
        "Charge a card",
        "Second instalment",
        "by payment link",
        "BRIGHTWATER",
        "Dana Reyes",
    ):
        assert words in told
    assert "There is no live link." in told  # why revoking is refused
    quote = due.order.quote_number, due.order.quote_version  # type: ignore[union-attr]
    assert f"{quote[0]} v{quote[1]}</a>" in told and f'href="/quotes/{quote[0]}' in told


def test_paid_shows_evidence_receipt_mail_and_history(browser: Client, order: SalesOrder, dana: User) -> None:
    attempt = charged(order, dana, "visa")
    jobs.run_due(raising=False)
    told = page(browser, attempt.payment_order.number)
    assert attempt.provider_id and attempt.provider_id in told
    for words in ("€41.06 is paid.", "R-00001", "Books the order", "Succeeded", "collected", "Receipt"):
        assert words in told
    assert "hx-trigger" not in told


def test_a_decline_is_told_in_staffs_words_with_code_and_remedy(browser: Client, order: SalesOrder, dana: User) -> None:
    number = charged(order, dana, "stolen").payment_order.number
    told = page(browser, number)
    assert "was declined: reported stolen. Do not tell the customer why." in told
    assert "stolen_card" in told and "Do not charge this card again." in told


def test_an_unknown_outcome_refreshes_itself_and_operations_ask(client: Client, order: SalesOrder, dana: User) -> None:
    attempt = charged(order, dana, "lost-answer")
    number = attempt.payment_order.number
    told = page(client.sign_in(dana), number)
    assert 'hx-trigger="every 4s"' in told
    assert "The gateway has not said yet what became of €41.06" in told
    assert "Your role does not let you ask the gateway about an unclear payment." in told
    ask = f"/payments/{number}/attempts/{attempt.id}/question"
    assert client.post(ask).status_code == 403
    client.sign_in(factories.user(Role.PAYMENT_OPERATIONS))
    answer = client.post(ask)
    assert (answer.status_code, answer.location) == (303, f"/payments/{number}")
    assert "The gateway has answered: succeeded." in page(client, number)
    assert fresh(attempt).status is AttemptStatus.SUCCEEDED
    assert client.post(f"/payments/{number}/attempts/777/question").status_code == 404


def test_the_page_answers_htmx_with_its_inside_alone(browser: Client, due: PaymentOrder) -> None:
    part = browser.get(f"/payments/{due.number}", headers=FRAGMENT).text
    assert "<html" not in part and part.lstrip().startswith('<div id="payment-order"')
    assert part.strip().endswith("</div>")


def test_while_the_customer_is_asked_to_sign_links_wait(browser: Client, order: SalesOrder, dana: User) -> None:
    approvals.submit(order.id, by=dana)
    number = db.session.scalars(select(PaymentOrder.number)).one()
    told = page(browser, number)
    assert "€41.06 is asked for with the signature." in told
    assert "Send the approval mail again instead." in told
    assert "Convert the order to draft; that cancels it." in told


def test_a_mail_that_did_not_arrive_is_the_first_thing_said(
    browser: Client, due: PaymentOrder, dana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_links.send(due.id, form_key="k", by=dana)
    broken_mail()
    told = page(browser, due.number)
    assert "The mail with the link did not arrive." in told
    assert "550 no such user" in told
    preflight = browser.get(f"/payments/{due.number}/send-link").text
    assert "The last mail did not arrive." in preflight and "550 no such user" in preflight


def broken_mail() -> None:
    """The last mail as a mail server that refuses its address leaves it."""
    from app.models import SYSTEM
    from app.states.mail import MailEvent

    with transaction() as session:
        mail = session.query(OrderEmail).order_by(OrderEmail.id.desc()).first()
        assert mail is not None
        mail.transition(MailEvent.GIVE_UP, by=SYSTEM, because="550 no such user")
        mail.last_error = "550 no such user"


def test_a_cancelled_one_keeps_its_story(browser: Client, due: PaymentOrder, dana: User) -> None:
    payment_links.send(due.id, form_key="k", by=dana)
    payment_orders.cancel(due.id, because="They pay by wire", by=dana)
    told = page(browser, due.number)
    assert "This payment order is cancelled." in told and "They pay by wire" in told
    assert db.session.scalars(select(PaymentIntent.status).order_by(PaymentIntent.id.desc())).first() == "cancelled"


def test_it_is_printed_without_its_link_and_again_once_it_says_something_else(
    browser: Client, client: Client, due: PaymentOrder, dana: User
) -> None:
    payment_links.send(due.id, form_key="k", by=dana)
    paper, pdf = f"/payments/{due.number}/paper", f"/payments/{due.number}/payment-order.pdf"
    assert "Make the PDF" in page(browser, due.number) and browser.get(pdf).status_code == 404
    assert browser.post(paper).location == f"/payments/{due.number}#panel-paper"
    words = text_of(rendered(printed())).replace("\n", " ")
    assert "€100.00" in words and "by the link in our email" in words and "Second instalment" in words
    token = db.session.scalars(select(PaymentIntent.public_id).order_by(PaymentIntent.id.desc())).first()
    assert token and token not in str(printed().data) and "http" not in words
    assert browser.get(pdf).headers["Content-Disposition"] == f'inline; filename="{due.number}.pdf"'
    payment_orders.cancel(due.id, because="They pay by wire", by=dana)
    assert "This page has changed since." in page(browser, due.number)
    browser.post(paper)
    assert "Cancelled: nothing is to be paid" in text_of(rendered(printed()))
    assert "It says what this page says." in browser.get(paper, headers=FRAGMENT).text
    client.sign_in(factories.user(Role.SALESPERSON))
    assert {client.get(pdf).status_code, client.post(paper).status_code} == {404}


def printed() -> Document:
    query = select(Document).where(Document.kind == "payment_order").order_by(Document.id.desc())
    return db.session.scalars(query.limit(1)).one()


def test_what_the_order_lacks_is_the_reason(browser: Client, due: PaymentOrder) -> None:
    with transaction() as session:
        session.get_one(SalesOrder, due.order_id).opportunity_id = None
    assert "The order has no opportunity, so nothing is sent." in page(browser, due.number)


def test_the_page_costs_few_statements_however_much_was_tried(browser: Client, order: SalesOrder, dana: User) -> None:
    number = charged(order, dana, "insufficient-funds").payment_order.number

    def cost() -> int:
        with counted() as seen:
            page(browser, number)
        return len(seen)

    before = cost()
    for n in range(3):
        charged(order, dana, "declined", key=f"again-{n}")
    assert cost() == before <= 15
