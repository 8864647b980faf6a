"""Linking a missing quote or opportunity from the order's page."""

from __future__ import annotations

from flask import Flask

from app.db import db, transaction
from app.models import Quote, SalesOrder, User
from tests import factories
from tests.blueprints.orders.conftest import FRAGMENT
from tests.commands.orders.test_order_context import bare
from tests.conftest import Client


def test_the_gap_leads_to_the_form_and_the_form_closes_it(browser_of_dana: Client, dana: User) -> None:
    order = bare(dana)
    quote = factories.approved_quote(customer=order.account)
    page = browser_of_dana.get(f"/orders/{order.number}").text
    assert f"/orders/{order.number}/context/edit" in page
    form = browser_of_dana.get(f"/orders/{order.number}/context/edit", headers=FRAGMENT).text
    assert quote.number in form and 'name="quote_id"' in form
    answer = browser_of_dana.post(f"/orders/{order.number}/context", data={"quote_id": quote.id}, headers=FRAGMENT)
    assert answer.status_code == 200
    assert db.session.get_one(SalesOrder, order.id).quote_id == quote.id
    assert "context/edit" not in browser_of_dana.get(f"/orders/{order.number}").text


def test_nothing_chosen_is_said_beside_the_form(browser_of_dana: Client, dana: User) -> None:
    order = bare(dana)
    answer = browser_of_dana.post(f"/orders/{order.number}/context", data={}, headers=FRAGMENT)
    assert answer.status_code == 422 and "Choose what to link." in answer.text


def test_a_foreign_quote_is_no_choice(browser_of_dana: Client, dana: User) -> None:
    order = bare(dana)
    stranger = factories.approved_quote()
    answer = browser_of_dana.post(f"/orders/{order.number}/context", data={"quote_id": stranger.id}, headers=FRAGMENT)
    assert answer.status_code == 422
    assert db.session.get_one(Quote, stranger.id).status == "approved"


def test_without_scripts_the_form_is_a_page(app: Flask, browser_of_dana: Client, dana: User) -> None:
    order = bare(dana)
    with transaction() as session:
        session.get_one(SalesOrder, order.id).opportunity_id = None
    page = browser_of_dana.get(f"/orders/{order.number}/context/edit").text
    assert "<h1" in page and 'name="quote_id"' in page
