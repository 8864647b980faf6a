"""The checkout, at the end of an approval and behind a payment link: one charge, and a page that tells the truth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app import clock, settings
from app.commands.orders import signing
from app.commands.payments import inquiries, post_processing
from app.db import db, lock, transaction
from app.models import (
    Attempt,
    PaymentMethod,
    Receipt,
    SalesOrder,
    Setting,
    Transaction,
)
from app.states.order import OrderStatus
from tests import factories
from tests.blueprints.public.customer import (
    CONFIRM,
    LOST_ANSWER,
    NO_FUNDS,
    VISA,
    address,
    hidden,
    intent_of,
    invited,
    order_of,
    payment,
    signed,
)
from tests.commands.moving import capture_later
from tests.conftest import Client


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_paying_ends_in_a_receipt_and_an_active_order(client: Client) -> None:
    customer = signed(client, deposit_percent="10")
    assert "Signed." in customer.get("/pay").text
    answer = customer.pay()
    assert (answer.status_code, answer.location) == (303, customer.url)
    page = customer.get().text
    assert "Your order is confirmed." in page and "R-00001" in page and "Visa ending 4242" in page
    assert order_of(customer).status is OrderStatus.ACTIVATED
    assert count(Transaction) == count(Receipt) == 1
    method = db.session.scalars(select(PaymentMethod)).one()
    assert "per month" in method.consent_text and method.consent_by == "Maria Keller"


def test_what_is_only_reserved_is_told_as_that_and_not_asked_for_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture_later()
    customer = signed(client, deposit_percent="10")
    assert customer.pay().location == customer.url
    page = customer.get().text
    assert "is reserved on your card." in page and "Receipt" not in page
    assert order_of(customer).status is OrderStatus.ACTIVATED
    assert customer.get("/pay").location == customer.url
    assert count(Receipt) == 0


def test_nothing_is_asked_before_the_signature(client: Client) -> None:
    customer = invited(client)
    assert customer.get("/pay").location == customer.url
    assert customer.post("/pay", form_key="k", edition="1", **payment(VISA)).location == customer.url
    assert count(Attempt) == 0


def test_the_amount_is_read_on_the_server(client: Client) -> None:
    customer = signed(client)
    customer.pay(amount="1", currency="JPY", intent_id="99")
    assert db.session.scalars(select(Transaction.amount)).one() == intent_of(customer).amount


def test_a_double_click_is_one_charge(client: Client) -> None:
    customer = signed(client)
    fields = hidden(customer.get("/pay")) | payment(VISA)
    answers = [customer.post("/pay", **fields) for _ in range(2)]
    assert {a.status_code for a in answers} == {303}
    assert count(Attempt) == count(Transaction) == 1


def test_two_tabs_are_one_charge(client: Client) -> None:
    customer = signed(client)
    tabs = [hidden(customer.get("/pay")) | payment(VISA) for _ in range(2)]
    assert tabs[0]["form_key"] != tabs[1]["form_key"]
    for tab in tabs:
        assert customer.post("/pay", **tab).location == customer.url
    assert count(Transaction) == 1
    assert "Your order is confirmed." in customer.get().text


def test_ten_presses_at_once_are_one_charge(any_app: Flask) -> None:
    customer = signed(any_app.test_client())  # type: ignore[arg-type]
    url = customer.url
    pages = [hidden(customer.get("/pay")) | payment(VISA) for _ in range(5)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda form: any_app.test_client().post(f"{url}/pay", data=form), pages * 2))
    assert {answer.status_code for answer in answers} == {303}
    assert count(Transaction) == count(Receipt) == 1


def test_a_decline_says_why_and_another_card_pays(client: Client) -> None:
    customer = signed(client)
    customer.pay(NO_FUNDS)
    page = customer.get("/pay").text
    assert "Your bank declined this card: not enough funds." in page and "Nothing was charged." in page
    order = order_of(customer)
    assert (order.status, order.tags) == (OrderStatus.DECLINED, ["Payment declined"])
    customer.pay(VISA)
    order = order_of(customer)
    assert (order.status, order.tags) == (OrderStatus.ACTIVATED, [])


def test_after_five_tries_it_asks_to_be_contacted(client: Client) -> None:
    customer = signed(client)
    for _ in range(5):
        customer.pay(NO_FUNDS)
    page = customer.get("/pay").text
    assert "tried as often as it can be" in page and "pay-form" not in page
    assert customer.post("/pay", form_key="k", edition="1", **payment(VISA)).status_code in (303, 409)
    assert count(Attempt) == 5


def test_a_lost_answer_is_being_confirmed_and_cannot_be_paid_again(client: Client) -> None:
    customer = signed(client)
    second_tab = hidden(customer.get("/pay"))
    customer.pay(LOST_ANSWER)
    page = customer.get("/pay").text
    assert "is being confirmed" in page and "pay-form" not in page
    assert customer.post("/pay", **second_tab, **payment(VISA)).location == customer.url
    assert count(Attempt) == 1
    fragment = {"HX-Request": "true", "HX-Request-Type": "partial"}
    assert customer.get("/progress", headers=fragment).headers.get("HX-Redirect") is None
    with time_machine.travel(clock.now() + timedelta(minutes=1), tick=False):
        assert inquiries.sweep() == 1
    assert customer.get("/progress", headers=fragment).headers["HX-Redirect"] == customer.url
    assert "Your order is confirmed." in customer.get().text
    assert count(Transaction) == count(Receipt) == 1


def question(client: Client, answer: TestResponse) -> str:
    """Where the page on the way to the bank leads by itself."""
    page = client.get(answer.location)
    address = page.headers["Refresh"].removeprefix("0; url=")
    assert f'href="{address}"' in page.text
    return address


def test_the_bank_asks_and_the_payer_comes_back(client: Client) -> None:
    customer = signed(client)
    answer = customer.pay(CONFIRM)
    assert answer.status_code == 303 and answer.location == f"{customer.url}/bank"
    assert "Your bank wants you to confirm this payment." in customer.get("/pay").text
    back = client.post(question(client, answer), data={"answer": "approve"}).location.removeprefix(
        "http://countersign.test"
    )
    page = client.get(back)
    assert page.status_code == 200 and "back-from-bank" in page.text
    assert count(Transaction) == 0
    assert client.post(back).location == customer.url
    assert "Your order is confirmed." in customer.get().text


def test_a_lost_session_comes_back_to_a_page_that_tells_nothing_but_the_outcome(client: Client, app: Flask) -> None:
    customer = signed(client)
    challenge = question(client, customer.pay(CONFIRM))
    stranger = app.test_client()
    outcome = stranger.post(challenge, data={"answer": "approve"}).location.removeprefix("http://countersign.test")
    home = stranger.post(outcome).location
    assert home.endswith("/outcome")
    page = stranger.get(home).text
    assert "Your payment has arrived." in page
    assert customer.approval.order.number not in page and "Northfield" not in page
    assert count(Transaction) == 1


@pytest.fixture
def unfinished(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Money is taken, and what follows from it fails until somebody mends it."""
    monkeypatch.setattr(post_processing, "run", lambda transaction_id: False)
    return monkeypatch


def test_who_has_paid_is_never_shown_a_card_form_again(client: Client, unfinished: pytest.MonkeyPatch) -> None:
    customer = signed(client)
    customer.pay()
    assert (count(Transaction), count(Receipt)) == (1, 0)
    assert customer.get("/pay").location == customer.url
    page = customer.get()
    assert page.status_code == 200 and "has arrived" in page.text and "pay-form" not in page.text


@pytest.mark.parametrize("action", ["decline", "request-change"])
def test_who_has_paid_does_not_decline_any_more(client: Client, unfinished: pytest.MonkeyPatch, action: str) -> None:
    customer = signed(client)
    customer.pay()
    customer.post(f"/{action}", words="Too expensive")
    assert order_of(customer).status is OrderStatus.AWAITING_APPROVAL
    assert "Nothing was charged" not in customer.get().text
    unfinished.undo()
    assert post_processing.run(db.session.scalars(select(Transaction.id)).one())
    assert order_of(customer).status is OrderStatus.ACTIVATED


def test_who_refuses_at_the_bank_can_try_again(client: Client) -> None:
    customer = signed(client)
    challenge = question(client, customer.pay(CONFIRM))
    back = client.post(challenge, data={"answer": "fail"}).location.removeprefix("http://countersign.test")
    client.post(back)
    assert "The payment was not confirmed with your bank." in customer.get("/pay").text
    customer.pay(VISA)
    assert order_of(customer).status is OrderStatus.ACTIVATED


def test_recurring_lines_need_the_consent_to_keep_the_card(client: Client) -> None:
    customer = signed(client)
    answer = customer.pay(save="")
    assert answer.status_code == 422 and "recurring charges" in answer.text
    assert count(Attempt) == 0


def test_without_recurring_lines_keeping_the_card_is_the_payers_choice(client: Client) -> None:
    customer = signed(client, lines=[factories.line(1)])
    customer.pay(save="")
    assert order_of(customer).status is OrderStatus.ACTIVATED
    assert count(PaymentMethod) == 0


def test_without_the_card_field_nothing_is_sent(client: Client) -> None:
    answer = signed(client).pay({"instrument": "", "card_label": ""})
    assert answer.status_code == 422 and "Enter your card." in answer.text


def test_a_stale_tab_pays_nothing(client: Client) -> None:
    customer = signed(client)
    answer = customer.pay(edition="7")
    assert answer.status_code == 409 and "has changed since you opened this page" in answer.text
    assert count(Attempt) == 0


def test_a_tab_of_the_version_before_pays_nothing(client: Client) -> None:
    customer = signed(client)
    fields = hidden(customer.get("/pay")) | payment(VISA)
    customer.post("/request-change", words="One more")
    with transaction():
        order = lock(SalesOrder, customer.approval.order_id)
        order.lines[0].quantity += 1
        order.edition += 1
    assert customer.post("/pay", **fields).status_code == 303
    assert count(Attempt) == 0


def test_the_switch_ends_payment_in_open_tabs(client: Client) -> None:
    customer = signed(client)
    fields = hidden(customer.get("/pay")) | payment(VISA)
    with transaction() as session:
        session.merge(Setting(key=settings.SALESPEOPLE_PAYMENT.key, value=False))
    assert customer.post("/pay", **fields).location == customer.url
    assert count(Attempt) == 0


def test_a_hold_stops_the_payment_without_saying_why(client: Client) -> None:
    customer = signed(client)
    fields = hidden(customer.get("/pay")) | payment(VISA)
    with transaction():
        lock(SalesOrder, customer.approval.order_id).account.hold_reason = "Bad debts"
    for answer in (customer.get("/pay"), customer.post("/pay", **fields)):
        assert "Bad debts" not in answer.text
        assert "cannot" in answer.text
    assert count(Attempt) == 0


def test_whoever_signed_sees_the_receipt_of_whoever_paid(client: Client, app: Flask) -> None:
    customer = signed(client)
    signing.forward_payment(customer.approval.id, name="Boss", email="boss@northfield.test")
    boss = address("pay", intent_of(customer).public_id)
    page = client.get(boss)
    assert "per month" in page.text
    fields = hidden(page) | payment(VISA)
    assert client.post(boss, data=fields | {"save": ""}).status_code == 422
    assert client.post(boss, data=fields).location == boss
    assert "Nothing more to pay." in client.get(boss).text
    assert "Your order is confirmed." in customer.get().text
