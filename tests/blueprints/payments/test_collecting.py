"""Collecting from the order page: what is offered, one charge a form, and every outcome."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app import settings
from app.access import Role
from app.commands.orders import approvals
from app.db import db, transaction
from app.models import Attempt, PaymentMethod, PaymentOrder, SalesOrder, Transaction, User
from app.states.attempt import AttemptStatus
from tests import factories
from tests.blueprints.payments.conftest import card_on_file, charged, key_in
from tests.blueprints.public.customer import hidden
from tests.commands.collecting import close_route, fresh, hold, switch
from tests.conftest import Client
from tests.statements import counted


def collect_page(order: SalesOrder) -> str:
    return f"/orders/{order.number}/collect"


def form(browser: Client, path: str, **changes: str) -> dict[str, str]:
    new = {"pay_with": "new", "instrument": "sbx_card_visa_1229", "card_label": "Visa ending 4242", "agreed": "phone"}
    return new | hidden(browser.get(path)) | changes


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_the_page_tells_what_is_charged_which_way_and_what_follows(browser: Client, order: SalesOrder) -> None:
    page = browser.get(collect_page(order)).text
    for words in (
        "Collect €41.06",
        "The statement shows BRIGHTWATER.",
        "Cards, Sandbox",
        "The order is booked and activated.",
        "data-card-field",
    ):
        assert words in page
    assert "is not asked for a signature" not in page
    assert count(PaymentOrder) == 0


def test_a_later_start_and_a_waiting_signature_are_told(browser: Client, dana: User) -> None:
    order = factories.order(owner=dana, deposit_percent="10")
    with transaction() as session:
        session.get_one(SalesOrder, order.id).start_date = order.start_date + timedelta(days=30)  # type: ignore[operator]
    approvals.submit(order.id, by=dana)
    page = browser.get(collect_page(order)).text
    assert "The order is booked and starts on" in page
    assert "The customer is not asked for a signature any more." in page


def test_a_new_card_pays_and_leads_back_to_the_order(browser: Client, order: SalesOrder) -> None:
    answer = browser.post(collect_page(order), data=form(browser, collect_page(order), save="y"))
    assert (answer.status_code, answer.location) == (303, f"/orders/{order.number}#panel-payment")
    assert "€41.06 collected from Visa ending 4242" in browser.get(f"/orders/{order.number}").text
    assert fresh(order).status == "activated"
    method = db.session.scalars(select(PaymentMethod)).one()
    assert method.consent_text == (
        f"Maria Keller of {order.account.name} agreed on the phone that €41.06 for {order.number} is charged to"
        " Visa ending 4242. The card may be kept for later payments."
    )
    assert (method.consent_by, method.consent_how) == ("Dana Reyes", "told to staff")


def test_a_page_opened_before_an_edit_charges_nothing_and_shows_what_is_due_now(
    browser: Client, order: SalesOrder
) -> None:
    opened = form(browser, collect_page(order))
    with transaction() as session:
        row = session.get_one(SalesOrder, order.id)
        row.lines[0].quantity *= 10
        row.edition += 1
    answer = browser.post(collect_page(order), data=opened)
    assert answer.status_code == 409
    assert "has changed since this page was opened" in answer.text and "Collect €148.16" in answer.text
    assert (count(Attempt), fresh(order).status) == (0, "draft")
    assert browser.post(collect_page(order), data=form(browser, collect_page(order))).status_code == 303
    assert db.session.scalars(select(Transaction.amount)).one() == 14816


def test_a_card_is_kept_only_if_the_customer_agreed(browser: Client, order: SalesOrder) -> None:
    browser.post(collect_page(order), data=form(browser, collect_page(order)))
    assert count(PaymentMethod) == 0
    assert db.session.scalars(select(Attempt.consent_text)).one().endswith("is charged to Visa ending 4242.")  # type: ignore[union-attr]


def test_a_card_on_file_pays_by_its_own_token(browser: Client, order: SalesOrder, dana: User) -> None:
    method = card_on_file(order, dana)
    page = browser.get(collect_page(order)).text
    assert f'value="{method.id}" checked' in page
    assert "Kept with consent, recorded by Dana Reyes" in page
    answer = browser.post(collect_page(order), data=form(browser, collect_page(order), pay_with=str(method.id)))
    assert answer.status_code == 303
    last = db.session.scalars(select(Attempt).order_by(Attempt.id.desc())).first()
    assert last is not None and (last.method_id, last.status) == (method.id, AttemptStatus.SUCCEEDED)
    assert last.instrument is None and last.request["off_session"] is True
    assert "agreed on the phone" in (last.consent_text or "")


def test_a_card_that_cannot_be_charged_is_shown_with_the_reason_and_refused(
    browser: Client, order: SalesOrder, dana: User
) -> None:
    method = card_on_file(order, dana)
    with transaction() as session:
        session.get_one(PaymentMethod, method.id).exp_year = 2024
    page = browser.get(collect_page(order)).text
    assert f'value="{method.id}" disabled' in page
    assert "This card expired in 12/2024. Ask the customer for a new card." in page
    answer = browser.post(collect_page(order), data=form(browser, collect_page(order), pay_with=str(method.id)))
    assert answer.status_code == 422
    assert "This card cannot be charged; choose another one." in answer.text
    assert count(Transaction) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"agreed": ""}, "Say how the customer agreed"),
        ({"instrument": ""}, "Enter the card."),
        ({"pay_with": ""}, "Choose a card."),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_charged(
    browser: Client, order: SalesOrder, change: dict[str, str], words: str
) -> None:
    answer = browser.post(collect_page(order), data=form(browser, collect_page(order), **change))
    assert answer.status_code == 422
    assert words in answer.text
    assert count(Attempt) == 0


def test_a_decline_stays_on_the_page_with_the_remedy_and_a_retry(browser: Client, order: SalesOrder) -> None:
    path = collect_page(order)
    first = form(browser, path, instrument="sbx_card_insufficient-funds_1229", card_label="Visa ending 9995")
    declined = browser.post(path, data=first)
    assert declined.status_code == 422
    assert "Visa ending 9995 was declined: not enough funds." in declined.text
    assert "Nothing was charged. The same card may work in a few days." in declined.text
    assert "4 tries are left" in declined.text
    assert key_in(declined.text) != first["form_key"]
    assert "Visa ending 9995 was declined" in browser.get(path).text
    assert browser.post(path, data=form(browser, path)).status_code == 303
    assert fresh(order).status == "activated"


def test_after_a_decline_another_card_on_file_is_suggested(browser: Client, order: SalesOrder, dana: User) -> None:
    good = card_on_file(order, dana, "mastercard")
    bad = card_on_file(order, dana, "declines-later")
    path = collect_page(order)
    declined = browser.post(path, data=form(browser, path, pay_with=str(bad.id)))
    assert declined.status_code == 422
    assert f'value="{good.id}" checked' in declined.text


def test_pressing_twice_charges_once(browser: Client, order: SalesOrder) -> None:
    data = form(browser, collect_page(order))
    assert browser.post(collect_page(order), data=data).status_code == 303
    again = browser.post(collect_page(order), data=data)
    assert (again.status_code, count(Attempt), count(Transaction)) == (303, 1, 1)


def test_a_lost_answer_is_confirming_on_the_order_page(browser: Client, order: SalesOrder) -> None:
    path = collect_page(order)
    answer = browser.post(path, data=form(browser, path, instrument="sbx_card_lost-answer_1229"))
    assert answer.location == f"/orders/{order.number}#panel-payment"
    assert "is being confirmed; it is not charged twice." in browser.get(f"/orders/{order.number}").text
    page = browser.get(path).text
    assert "The gateway has not said yet what became of €41.06" in page
    assert 'id="collect-form"' not in page


def the_question(browser: Client, number: str) -> str:
    """Where the page on the way to the bank leads by itself."""
    return browser.get(f"/payments/{number}/bank").headers["Refresh"].removeprefix("0; url=")


def test_the_banks_question_is_answered_and_leads_back_to_the_order(browser: Client, order: SalesOrder) -> None:
    path = collect_page(order)
    answer = browser.post(path, data=form(browser, path, instrument="sbx_card_confirm_1229"))
    attempt = db.session.scalars(select(Attempt)).one()
    number = attempt.payment_order.number
    assert answer.location == f"/payments/{number}/collect"
    page = browser.get(answer.location).text
    assert "The bank asks the cardholder to confirm" in page
    assert attempt.next_action == {"kind": "redirect"}
    assert f"/payments/{number}/bank" in page
    question = the_question(browser, number)
    back = browser.post(question, data={"answer": "approve"})
    assert back.location.endswith(f"/checkout/{attempt.public_id}/return")
    returned = browser.post(f"/checkout/{attempt.public_id}/return")
    assert returned.location == f"/payments/{number}/outcome"
    assert browser.get(returned.location).location == f"/orders/{order.number}#panel-payment"
    assert fresh(order).status == "activated"


def test_a_question_answered_with_no_leads_back_to_the_cards(browser: Client, order: SalesOrder) -> None:
    path = collect_page(order)
    browser.post(path, data=form(browser, path, instrument="sbx_card_confirm_1229"))
    attempt = db.session.scalars(select(Attempt)).one()
    number = attempt.payment_order.number
    browser.post(the_question(browser, number), data={"answer": "fail"})
    returned = browser.post(f"/checkout/{attempt.public_id}/return")
    assert browser.get(returned.location).location == f"/payments/{number}/collect"
    assert "was declined: " in browser.get(f"/payments/{number}/collect").text


def test_a_try_at_the_bank_is_given_up_so_that_a_link_can_be_sent(browser: Client, order: SalesOrder) -> None:
    path = collect_page(order)
    browser.post(path, data=form(browser, path, instrument="sbx_card_confirm_1229"))
    attempt = db.session.scalars(select(Attempt)).one()
    number = attempt.payment_order.number
    assert "is in progress" in browser.get(f"/payments/{number}/send-link").text
    answer = browser.post(f"/payments/{number}/attempts/{attempt.id}/end")
    assert answer.location == f"/payments/{number}"
    assert "Given up; nothing was charged." in browser.get(answer.location).text
    assert fresh(attempt).status is AttemptStatus.FAILED
    assert "is in progress" not in browser.get(f"/payments/{number}/send-link").text
    browser.post(f"/payments/{number}/attempts/{attempt.id}/end")
    assert "does not wait for the cardholder any more" in browser.get(f"/payments/{number}").text


def test_somebody_elses_browser_is_told_nothing_of_the_payment(
    browser: Client, app, order: SalesOrder, dana: User
) -> None:
    attempt = charged(order, dana, "confirm")
    stranger = app.test_client()
    assert stranger.post(f"/checkout/{attempt.public_id}/return").location == f"/checkout/{attempt.public_id}/outcome"


def test_any_open_payment_order_is_collected_at_its_own_address(browser: Client, due: PaymentOrder) -> None:
    path = f"/payments/{due.number}/collect"
    page = browser.get(path).text
    assert "Collect €100.00" in page and "The order is booked" not in page
    answer = browser.post(f"{path}?next=/payments/{due.number}", data=form(browser, path))
    assert answer.location == f"/payments/{due.number}"
    assert "€100.00 is paid." in browser.get(answer.location).text


def test_nothing_leads_out_of_the_house(browser: Client, due: PaymentOrder) -> None:
    path = f"/payments/{due.number}/collect"
    answer = browser.post(f"{path}?next=//evil.test", data=form(browser, path))
    assert answer.location.startswith("/orders/")


def test_what_stands_in_the_way_is_told_instead_of_the_form(browser: Client, order: SalesOrder) -> None:
    hold(order.account_id)
    close_route()
    page = browser.get(collect_page(order)).text
    assert "is on hold: Invoice dispute." in page and "Billing or AR can release the hold." in page
    assert "which is unavailable at the moment" in page
    assert 'id="collect-form"' not in page


def test_a_collected_order_says_so(browser: Client, order: SalesOrder, dana: User) -> None:
    attempt = charged(order, dana, "visa")
    assert "is over; the order is activated." in browser.get(collect_page(order)).text
    paid = browser.get(f"/payments/{attempt.payment_order.number}/collect").text
    assert "is paid already." in paid and 'id="collect-form"' not in paid


def test_the_switch_and_the_permission_close_the_page(client: Client, browser: Client, order: SalesOrder) -> None:
    data = form(browser, collect_page(order))
    switch(settings.SALESPEOPLE_PAYMENT, False)
    for answer in (browser.get(collect_page(order)), browser.post(collect_page(order), data=data)):
        assert answer.status_code == 403
        assert "Salespeople may not take payments at the moment." in answer.text
    assert count(Attempt) == 0
    client.sign_in(factories.user(Role.READ_ONLY))
    assert client.get(collect_page(order)).status_code == 403


def test_a_foreign_order_is_not_there(client: Client, order: SalesOrder, due: PaymentOrder) -> None:
    client.sign_in(factories.user(Role.SALESPERSON))
    for path in (collect_page(order), f"/payments/{due.number}/collect", "/payments/PO-9999/collect"):
        assert client.get(path).status_code == client.post(path).status_code == 404


def test_the_page_costs_few_statements_however_many_cards(browser: Client, order: SalesOrder, dana: User) -> None:
    def cost() -> int:
        with counted() as seen:
            browser.get(collect_page(order))
        return len(seen)

    card_on_file(order, dana)
    before = cost()
    card_on_file(order, dana, "mastercard")
    card_on_file(order, dana, "amex")
    assert cost() == before <= 14
