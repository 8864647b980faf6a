"""Requesting a further payment: how much, in whose words, and what is wrong beside its field."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.orders import approvals
from app.db import db
from app.models import CollectionMethod, PaymentOrder, SalesOrder, User
from tests import factories, moves
from tests.blueprints.payments.conftest import alias, key_in
from tests.commands.collecting import booked
from tests.commands.receivables.test_invoices import on_terms
from tests.conftest import Client


@pytest.fixture
def rest(dana: User) -> SalesOrder:
    """A booked order with 369.49 EUR left."""
    return booked(dana, pay_with=alias("visa"))


def path(order: SalesOrder) -> str:
    return f"/orders/{order.number}/payment-orders/new"


def send(browser: Client, order: SalesOrder, **changes: str):  # type: ignore[no-untyped-def]
    data = {
        "share": "rest",
        "percent": "",
        "amount": "",
        "purpose": "Balance on delivery",
        "due_date": (clock.today(factories.ZONE) + timedelta(days=14)).isoformat(),
        "contact_id": str(order.contact_id),
        "collection": "payment_link",
        "form_key": changes.get("form_key") or key_in(browser.get(path(order)).text),
    }
    return browser.post(path(order), data=data | changes)


def newest() -> PaymentOrder:
    db.session.rollback()
    found = db.session.scalars(select(PaymentOrder).order_by(PaymentOrder.id.desc())).first()
    assert found is not None
    return found


def test_the_form_offers_what_remains(browser: Client, rest: SalesOrder) -> None:
    page = browser.get(path(rest)).text
    assert "What remains, <strong>" in page and "€369.49" in page and "€410.55" in page
    assert f"Payment for order {rest.number}" in page
    assert "Maria Keller" in page


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ({}, 36_949),
        ({"share": "percent", "percent": "50"}, 20_528),
        ({"share": "amount", "amount": "120.5"}, 12_050),
        ({"share": "amount", "amount": "120.5", "percent": "99"}, 12_050),
    ],
)
def test_an_amount_may_be_said_in_three_ways(browser: Client, rest: SalesOrder, typed: dict, minor: int) -> None:
    answer = send(browser, rest, **typed)
    row = newest()
    assert (answer.status_code, answer.location) == (303, f"/payments/{row.number}/send-link")
    assert (row.amount, row.purpose, row.first) == (minor, "Balance on delivery", False)
    assert row.due_date == clock.today(factories.ZONE) + timedelta(days=14)


@pytest.mark.parametrize(
    ("how", "leads_to"),
    [("payment_link", "/send-link"), ("saved_method", "/collect"), ("staff_card", "/collect"), ("offline", "")],
)
def test_the_next_step_follows_from_how_it_is_collected(
    browser: Client, rest: SalesOrder, how: str, leads_to: str
) -> None:
    answer = send(browser, rest, collection=how)
    assert answer.location == f"/payments/{newest().number}{leads_to}"
    assert newest().collection is CollectionMethod(how)
    assert f"{newest().number} is created" in browser.get(answer.location).text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"share": "amount", "amount": ""}, "Enter a number above zero."),
        ({"share": "amount", "amount": "0"}, "Enter a number above zero."),
        ({"share": "amount", "amount": "-5"}, "Enter a number above zero."),
        ({"share": "amount", "amount": "12,50"}, "Write the number with a point"),
        ({"share": "amount", "amount": "1.005"}, "EUR has fewer decimals."),
        ({"share": "amount", "amount": "369.50"}, "Only €369.49 of this order is not collected or requested yet."),
        ({"share": "percent", "percent": "120"}, "Between 0 and 100."),
        ({"share": "percent", "percent": "100"}, "Only €369.49 of this order"),
        ({"share": ""}, "Choose how much."),
        ({"purpose": " "}, "Say what it is for"),
        ({"due_date": "2020-01-01"}, "This day is over."),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_typing_is_kept(
    browser: Client, rest: SalesOrder, typed: dict, words: str
) -> None:
    answer = send(browser, rest, **typed)
    assert answer.status_code == 422
    assert words in answer.text and 'class="error-text"' in answer.text
    assert "Balance on delivery" in answer.text or "purpose" in typed
    assert newest().first  # nothing was made beside the deposit


def lines_of(order: SalesOrder) -> list[str]:
    db.session.rollback()
    return [str(line.id) for line in db.session.get_one(SalesOrder, order.id).lines]


def test_some_of_its_lines_are_asked_for_by_name_and_once(browser: Client, rest: SalesOrder) -> None:
    _terminal, licence = lines_of(rest)
    assert "10 × Care desk licence" in browser.get(path(rest)).text
    answer = send(browser, rest, share="lines", lines=licence)
    row = newest()
    assert (answer.status_code, row.amount) == (303, 29_155)
    assert [(str(x.order_line_id), x.description, x.amount) for x in row.lines] == [
        (licence, "10 × Care desk licence", 29_155)
    ]
    assert "10 × Care desk licence" in browser.get(f"/payments/{row.number}").text
    again = browser.get(path(rest)).text
    assert "asked for already" in again and f'value="{licence}" disabled' in again


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ([], "Choose at least one line."),
        ([0, 1], "Only €369.49 of this order is not collected or requested yet."),
        (["77"], "not a valid choice"),
    ],
)
def test_lines_that_cannot_be_asked_for_are_told_beside_them(
    browser: Client, rest: SalesOrder, chosen: list[int | str], words: str
) -> None:
    known = lines_of(rest)
    picked = [known[x] if isinstance(x, int) else x for x in chosen]
    answer = send(browser, rest, share="lines", lines=picked)  # type: ignore[arg-type]
    assert answer.status_code == 422 and words in answer.text and 'id="lines-error"' in answer.text
    assert answer.text.count(" checked") - 1 == len([x for x in picked if x in known]) and newest().first


def test_a_route_is_offered_where_several_fit_and_goes_before_the_rules(browser: Client, rest: SalesOrder) -> None:
    assert "route_id" not in browser.get(path(rest)).text
    other = moves.route(moves.gateway().id)
    dollars = moves.route(moves.gateway().id, currency="USD", name="Dollars")
    assert other.name in (form := browser.get(path(rest)).text) and dollars.name not in form
    part = {"share": "amount", "amount": "10"}
    assert send(browser, rest, **part, route_id=str(other.id)).status_code == 303
    row = newest()
    assert (row.route_id, row.route_chosen) == (other.id, True)
    assert f"{other.name}, " in (page := browser.get(f"/payments/{row.number}").text) and "chosen for this" in page
    assert send(browser, rest, **part).status_code == 303 and not newest().route_chosen


@pytest.mark.parametrize("share", ["amount", "lines"])
def test_pressing_twice_makes_one(browser: Client, rest: SalesOrder, share: str) -> None:
    key, asked = key_in(browser.get(path(rest)).text), {"share": share, "amount": "100", "lines": lines_of(rest)[1]}
    first, second = (send(browser, rest, form_key=key, **asked) for _ in range(2))
    assert first.status_code == 303 and first.location == second.location


def test_a_contact_of_somebody_else_is_no_choice(browser: Client, rest: SalesOrder) -> None:
    stranger = factories.account().billing_contact_id
    assert send(browser, rest, contact_id=str(stranger)).status_code == 422


def test_nothing_left_and_awaiting_approval_are_told_instead_of_the_form(
    browser: Client, rest: SalesOrder, order: SalesOrder, dana: User
) -> None:
    send(browser, rest)
    page = browser.get(path(rest)).text
    assert "All of this order is collected or requested already." in page and 'id="request-form"' not in page
    approvals.submit(order.id, by=dana)
    page = browser.get(path(order)).text
    assert "The customer is asked to sign this order first" in page and 'id="request-form"' not in page


def test_it_needs_the_permission_and_the_order(client: Client, rest: SalesOrder) -> None:
    client.sign_in(factories.user(Role.CUSTOMER_OPERATIONS))
    assert client.get(path(rest)).status_code == client.post(path(rest)).status_code == 403
    client.sign_in(factories.user(Role.SALESPERSON))
    assert client.get(path(rest)).status_code == client.post(path(rest)).status_code == 404


def test_an_invoice_is_asked_for_from_its_page_and_named_on_its_payment_order(
    browser: Client, rest: SalesOrder, dana: User
) -> None:
    invoice = on_terms(rest)
    path = f"/invoices/{invoice.number}/payment-orders/new"
    assert f'href="{path}"' in browser.get(f"/invoices/{invoice.number}").text
    page = browser.get(path).text
    assert "Invoice total" in page and "€369.49" in page and f"Invoice {invoice.number}" in page
    typed = {"share": "amount", "amount": "369.50", "purpose": "Overdue", "collection": "payment_link"}
    refused = browser.post(path, data=typed | {"form_key": key_in(page)})
    assert refused.status_code == 422 and "Only €369.49 of" in refused.text and 'value="369.50"' in refused.text
    answer = browser.post(path, data=typed | {"amount": "300", "form_key": key_in(refused.text)})
    row = newest()
    back = f"/payments/{row.number}/send-link?next=/invoices/{invoice.number}"
    assert (answer.status_code, answer.location) == (303, back)
    assert (row.amount, row.invoice_id) == (30_000, invoice.id)
    assert f'<a class="mono" href="/invoices/{invoice.number}">' in browser.get(f"/payments/{row.number}").text
    assert "€69.49" in browser.get(path).text


def test_the_invoice_of_somebody_elses_order_is_not_found(client: Client, rest: SalesOrder) -> None:
    invoice = on_terms(rest)
    client.sign_in(factories.user(Role.SALESPERSON, email="else@countersign.test"))
    assert client.get(f"/invoices/{invoice.number}/payment-orders/new").status_code == 404
