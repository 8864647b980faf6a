"""Editing the terms and the payment plan of a draft in place."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.models import Due, Frequency, Renewal, SalesOrder
from tests.blueprints.orders.conftest import FRAGMENT, fresh
from tests.conftest import Client


def form(order: SalesOrder, **changes: str) -> dict[str, str]:
    return {
        "edition": str(order.edition),
        "start_date": "2027-01-01",
        "term_months": "36",
        "billing_frequency": "quarterly",
        "renewal": "auto",
        "payment_terms_days": "30",
        "plan-0-due": "signature",
        "plan-0-due_date": "",
        "plan-0-percent": "20",
        "plan-0-amount": "",
        "plan-0-collection": "payment_link",
        "plan-1-due": "date",
        "plan-1-due_date": "2027-06-01",
        "plan-1-percent": "80",
        "plan-1-amount": "",
        "plan-1-collection": "offline",
        "plan-2-due": "",
        "plan-2-percent": "",
        "plan-2-amount": "",
        "plan-2-collection": "payment_link",
    } | changes


def test_terms_and_plan_are_saved(browser_of_dana: Client, order: SalesOrder) -> None:
    answer = browser_of_dana.post(f"/orders/{order.number}/terms", data=form(order), headers=FRAGMENT)
    assert answer.status_code == 200 and "36 months, billed quarterly" in answer.text
    order = fresh(order)
    assert (order.start_date, order.term_months, order.edition) == (date(2027, 1, 1), 36, 2)
    assert (order.billing_frequency, order.renewal) == (Frequency.QUARTERLY, Renewal.AUTO)
    assert [(s.due, s.percent, s.due_date) for s in order.instalments] == [
        (Due.SIGNATURE, Decimal(20), None),
        (Due.DATE, Decimal(80), date(2027, 6, 1)),
    ]


def test_a_step_may_be_an_amount(browser_of_dana: Client, order: SalesOrder) -> None:
    changes = {"plan-0-percent": "", "plan-0-amount": "100.50", "plan-1-percent": "", "plan-1-amount": "310.05"}
    assert browser_of_dana.post(f"/orders/{order.number}/terms", data=form(order, **changes)).status_code == 303
    assert [s.amount for s in fresh(order).instalments] == [10050, 31005]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan-0-amount": "5"}, "Give a percentage or an amount, not both."),
        ({"plan-0-due": ""}, "Say when it is due."),
        ({"plan-1-due_date": ""}, "Choose the day."),
        ({"plan-0-percent": "", "plan-0-amount": "1.005"}, "EUR has fewer decimals."),
        ({"term_months": "0"}, "Between 1 and 240."),
        ({"payment_terms_days": ""}, "Say how many days."),
    ],
)
def test_what_cannot_be_saved_says_why(
    browser_of_dana: Client, order: SalesOrder, changes: dict[str, str], words: str
) -> None:
    answer = browser_of_dana.post(f"/orders/{order.number}/terms", data=form(order, **changes), headers=FRAGMENT)
    assert answer.status_code == 422 and words in answer.text
    assert fresh(order).edition == 1


def test_a_plan_that_asks_for_more_than_the_total_is_refused(browser_of_dana: Client, order: SalesOrder) -> None:
    changes = {"plan-0-percent": "", "plan-0-amount": "9999"}
    answer = browser_of_dana.post(f"/orders/{order.number}/terms", data=form(order, **changes), headers=FRAGMENT)
    assert answer.status_code == 409 and "asks for more than the order" in answer.text
    assert fresh(order).edition == 1


def test_a_stale_save_shows_both_versions(browser_of_dana: Client, order: SalesOrder) -> None:
    assert browser_of_dana.post(f"/orders/{order.number}/terms", data=form(order)).status_code == 303
    mine = form(order, term_months="12", edition="1")
    answer = browser_of_dana.post(f"/orders/{order.number}/terms", data=mine, headers=FRAGMENT)
    assert answer.status_code == 409
    assert "Somebody saved this before you." in answer.text and ">12<" in answer.text and ">36<" in answer.text
