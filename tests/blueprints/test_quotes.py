"""The quote pages: lists, editor, actions, and who sees whose."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app.access import Role
from app.commands.quotes import conversion, quote_content, quotes
from app.db import db
from app.models import Account, Document, Quote, SalesOrder, User
from app.queries.quotes import lists, words
from app.states.quote import QuoteEvent, QuoteStatus
from tests import factories
from tests.commands import quoting
from tests.conftest import Client
from tests.documents.test_documents import rendered, text_of
from tests.statements import counted

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def dana(app: Flask) -> User:
    return factories.user(Role.SALESPERSON, name="Dana Reyes")


@pytest.fixture
def seller(client: Client, dana: User) -> Client:
    return client.sign_in(dana)


def draft(owner: User, customer: Account | None = None, **changes: Any) -> Quote:
    return quotes.create(quoting.content(customer, **changes), by=owner)


def page(quote: Quote) -> str:
    return f"/quotes/{quote.number}/{quote.version}"


def typed(text: str) -> dict[str, str]:
    """What a browser would send back of the form on a page, untouched."""
    form = re.search(r'<form[^>]*id="quote-form".*?</form>', text, re.S)
    assert form
    visible = re.sub(r"<template>.*?</template>", "", form.group(), flags=re.S)
    fields = {}
    for tag in re.findall(r"<input[^>]*>", visible):
        name = re.search(r'name="([^"]+)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name:
            fields[name[1]] = value[1] if value else ""
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', visible, re.S):
        chosen = re.search(r'<option[^>]*selected[^>]*value="([^"]*)"', options)
        first = re.search(r'value="([^"]*)"', options)
        fields[name] = chosen[1] if chosen else first[1] if first else ""
    for name, value in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\s*(.*?)</textarea>', visible, re.S):
        fields[name] = value
    return fields


def test_a_salesperson_sees_their_own_and_a_manager_all(seller: Client, dana: User, app: Flask) -> None:
    own, foreign = draft(dana), draft(factories.user(Role.SALESPERSON))
    text = seller.get("/quotes/").text
    assert own.number in text and foreign.number not in text
    assert seller.get(page(own)).status_code == 200
    for address in (f"/quotes/{foreign.number}", page(foreign), f"{page(foreign)}/edit"):
        assert seller.get(address).status_code == 404
    assert seller.post(f"{page(foreign)}/submit").status_code == 404
    manager = app.test_client().sign_in(factories.user(Role.SALES_MANAGER))
    assert foreign.number in manager.get("/quotes/").text


def test_the_list_filters_and_agrees_on_what_has_expired(app: Flask, dana: User) -> None:
    _, manager = quoting.people()
    with time_machine.travel("2026-11-21T10:00:00Z", tick=False):
        lapsed = quoting.approved(dana, manager, expires_on=date(2026, 11, 30))
        fresh = quoting.approved(dana, manager, expires_on=date(2026, 12, 31))
    with time_machine.travel("2026-12-05T10:00:00Z", tick=False):
        assert lapsed.status is QuoteStatus.APPROVED
        seller = app.test_client().sign_in(dana)
        approved = seller.get("/quotes/?status=approved").text
        assert fresh.number in approved and lapsed.number not in approved
        expired = seller.get("/quotes/?status=expired").text
        assert lapsed.number in expired and fresh.number not in expired
        assert "This quote has expired" in seller.get(page(lapsed)).text
        assert fresh.number in seller.get(f"/quotes/?q={fresh.number.lower()}").text
        assert "No quote matches" in seller.get("/quotes/?q=nobody").text
        assert seller.get("/quotes/?status=nonsense&before=x").status_code == 200


def test_the_list_pages_by_key(app: Flask, dana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PAGE", 2)
    numbers = [draft(dana).number for _ in range(5)][::-1]
    first = lists.find(dana, lists.Filters())
    second = lists.find(dana, lists.Filters(), before=first.older)
    third = lists.find(dana, lists.Filters(), before=second.older)
    assert [[r.number for r in p.rows] for p in (first, second, third)] == [numbers[:2], numbers[2:4], numbers[4:]]
    assert (first.newer, third.older) == (None, None)
    back = lists.find(dana, lists.Filters(), after=third.newer)
    assert [r.number for r in back.rows] == numbers[2:4]


def test_the_page_shows_lines_totals_plan_and_readiness(seller: Client, dana: User) -> None:
    text = seller.get(page(draft(dana))).text
    for expected in ("€529.55", "€84.55", "€158.87", "of which recurring, per month", "6 of 6", "Submit for approval"):
        assert expected in text
    assert "The customer will be asked." in text


def test_a_new_quote_by_the_form(seller: Client, dana: User) -> None:
    customer = factories.account()
    terminal = factories.product(unit_price=Decimal("612"))
    form = typed(seller.get(f"/quotes/new?account={customer.number}").text)
    assert form["instalments-0-percent"] == "100"
    form |= {"lines-0-product_id": str(terminal.id), "lines-0-quantity": "2", "notes": "Gate 2"}
    answer = seller.post(f"/quotes/new?account={customer.number}", data=form)
    assert answer.status_code == 303
    again = seller.post(f"/quotes/new?account={customer.number}", data=form)
    assert again.headers["Location"] == answer.headers["Location"]
    quote = db.session.scalars(select(Quote)).one()
    assert quote.owner_id == dana.id
    assert [(x.description, x.quantity, x.unit_price) for x in quote.lines] == [(terminal.name, 2, 612)]
    assert (quote.notes, quote.contact_id) == ("Gate 2", customer.billing_contact_id)


def test_choosing_the_account_first(seller: Client) -> None:
    customer = factories.account()
    text = seller.get("/quotes/new").text
    assert f"/quotes/new?account={customer.number}" in text
    assert "No account matches" in seller.get("/quotes/new?q=nobody").text
    assert seller.get("/quotes/new?account=A-9999").status_code == 404


def test_saving_the_untouched_form_changes_nothing(seller: Client, dana: User) -> None:
    quote = draft(dana, start_date=date(2026, 12, 1), notes="One\nTwo")
    before = quote_content.read(quote)
    form = typed(seller.get(f"{page(quote)}/edit").text)
    assert seller.post(f"{page(quote)}/edit", data=form).status_code == 303
    db.session.expire_all()
    assert quote_content.read(quote) == before
    assert quote.edition == 1


def test_errors_stand_beside_their_fields_and_nothing_typed_is_lost(seller: Client, dana: User) -> None:
    quote = draft(dana)
    form = typed(seller.get(f"{page(quote)}/edit").text)
    form |= {"lines-1-unit_price": "24,50", "lines-0-quantity": "1.2345", "term_months": "999", "notes": "Keep me"}
    answer = seller.post(f"{page(quote)}/edit", data=form)
    assert answer.status_code == 422
    assert 'value="24,50"' in answer.text and "Keep me" in answer.text
    assert 'id="lines-1-unit_price-error"' in answer.text and "with a point" in answer.text
    form["lines-1-unit_price"] = "24.50"
    answer = seller.post(f"{page(quote)}/edit", data=form)
    assert answer.status_code == 422
    for field in ("lines-0-quantity", "term_months"):
        assert f'id="{field}-error"' in answer.text
    assert 'value="1.2345"' in answer.text


def test_blank_rows_between_do_not_move_an_error(seller: Client, dana: User) -> None:
    quote = draft(dana)
    form = typed(seller.get(f"{page(quote)}/edit").text)
    form |= {"lines-1-quantity": "0", "lines-4-product_id": form["lines-0-product_id"], "lines-4-unit_price": "-1"}
    answer = seller.post(f"{page(quote)}/edit", data=form)
    assert answer.status_code == 422
    assert 'id="lines-4-unit_price-error"' in answer.text


def test_a_product_without_a_list_price_in_the_currency_needs_one_typed(seller: Client, dana: User) -> None:
    quote = draft(dana)
    dollars = factories.product(currency="USD")
    form = typed(seller.get(f"{page(quote)}/edit").text) | {"lines-2-product_id": str(dollars.id)}
    answer = seller.post(f"{page(quote)}/edit", data=form)
    assert answer.status_code == 422
    assert "There is no list price in EUR" in answer.text


def test_a_stale_save_shows_both_versions_and_can_be_saved_again(seller: Client, dana: User) -> None:
    quote = draft(dana)
    form = typed(seller.get(f"{page(quote)}/edit").text)
    other = quoting.people()[1]
    quotes.edit(quote.id, quoting_with(quote, notes="Theirs"), edition=1, by=other)
    answer = seller.post(f"{page(quote)}/edit", data=form | {"notes": "Mine"})
    assert answer.status_code == 409
    assert "Somebody saved this before you" in answer.text and other.name in answer.text
    assert "Theirs" in answer.text and "Mine" in answer.text
    again = seller.post(f"{page(quote)}/edit", data=typed(answer.text))
    assert again.status_code == 303
    db.session.expire_all()
    assert (quote.notes, quote.edition) == ("Mine", 3)


def quoting_with(quote: Quote, **changes: Any) -> quote_content.QuoteContent:
    from msgspec.structs import replace

    return replace(quote_content.read(quote), **changes)


def test_from_draft_to_order_by_the_buttons(seller: Client, dana: User, app: Flask) -> None:
    quote = draft(dana)
    assert seller.post(f"{page(quote)}/submit?edition=1").status_code == 303
    text = seller.get(page(quote)).text
    assert "Your role does not let you approve" in text and "sales manager" in text
    manager = app.test_client().sign_in(factories.user(Role.SALES_MANAGER, name="Tom Okafor"))
    assert manager.post(f"{page(quote)}/approve?edition=1").status_code == 303
    text = seller.get(page(quote)).text
    assert "Tom Okafor" in text and "Unchanged" in text and "Convert to order" in text
    answer = seller.post(f"{page(quote)}/convert")
    order = db.session.scalars(select(SalesOrder)).one()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/orders/{order.number}")
    assert seller.post(f"{page(quote)}/convert").headers["Location"] == f"/orders/{order.number}"
    assert db.session.scalar(select(func.count(SalesOrder.id))) == 1
    text = seller.get(page(quote)).text
    assert f"Open order {order.number}" in text and f'href="/orders/{order.number}/payment-orders/new"' in text


def test_an_approver_who_submitted_reads_why_not(client: Client) -> None:
    manager = factories.user(Role.SALES_MANAGER)
    browser = client.sign_in(manager)
    quote = draft(manager)
    browser.post(f"{page(quote)}/submit")
    assert "You submitted this quote, so somebody else has to approve it." in browser.get(page(quote)).text
    assert browser.post(f"{page(quote)}/approve").status_code == 409


def test_approving_a_version_that_changed_meanwhile_is_refused(client: Client, dana: User) -> None:
    browser = client.sign_in(factories.user(Role.SALES_MANAGER))
    quote = draft(dana)
    quotes.submit(quote.id, by=dana)
    quotes.withdraw(quote.id, by=dana)
    quotes.edit(quote.id, quoting_with(quote, notes="More"), edition=1, by=dana)
    quotes.submit(quote.id, by=dana)
    assert browser.post(f"{page(quote)}/approve?edition=1").status_code == 409
    assert browser.post(f"{page(quote)}/approve?edition=2").status_code == 303


def test_a_rejection_asks_for_its_reason(client: Client, dana: User) -> None:
    browser = client.sign_in(factories.user(Role.SALES_MANAGER))
    quote = draft(dana)
    quotes.submit(quote.id, by=dana)
    assert "<html" not in browser.get(f"{page(quote)}/reject", headers=FRAGMENT).text
    assert browser.post(f"{page(quote)}/reject", data={"reason": ""}).status_code == 422
    assert browser.post(f"{page(quote)}/reject", data={"reason": "Too cheap"}).status_code == 303
    assert "Too cheap" in browser.get(page(quote)).text


def test_revising_and_discarding(seller: Client, dana: User) -> None:
    _, manager = quoting.people()
    quote = quoting.approved(dana, manager)
    answer = seller.post(f"{page(quote)}/revise")
    assert answer.headers["Location"] == f"/quotes/{quote.number}/2"
    assert "under revision" in seller.get(page(quote)).text
    assert "Version 2" in seller.get(f"/quotes/{quote.number}").text
    assert seller.post(f"/quotes/{quote.number}/2/discard").headers["Location"] == page(quote)
    assert seller.get(f"/quotes/{quote.number}/2").status_code == 404


def test_a_newer_version_is_taken_over_into_its_order(seller: Client, dana: User) -> None:
    _, manager = quoting.people()
    quote = quoting.approved(dana, manager)
    order = conversion.convert(quote.id, by=dana)
    revision = quotes.revise(quote.id, by=dana)
    quotes.submit(revision.id, by=dana)
    quotes.approve(revision.id, by=manager)
    assert f"Take over into {order.number}" in seller.get(page(revision)).text
    answer = seller.post(f"{page(revision)}/sync")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/orders/{order.number}")
    assert "took over" in seller.get(f"/orders/{order.number}").text


def test_htmx_is_sent_on_and_refusals_come_in_place(seller: Client, dana: User) -> None:
    quote = draft(dana, lines=())
    answer = seller.post(f"{page(quote)}/submit", headers=FRAGMENT)
    assert answer.status_code == 409 and answer.headers["HX-Retarget"] == "#refusal"
    sound = draft(dana)
    answer = seller.post(f"{page(sound)}/submit", headers=FRAGMENT)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, page(sound))


def test_a_page_asks_no_more_for_more_lines_and_versions(seller: Client, dana: User) -> None:
    few, many = draft(dana), quoting.content()
    long = draft(dana, lines=many.lines * 20, instalments=many.instalments)
    seen = []
    for quote in (few, long):
        seller.get(page(quote))
        with counted() as statements:
            assert seller.get(page(quote)).status_code == 200
        seen.append(len(statements))
    assert seen[0] == seen[1] <= 16


def test_a_quote_is_printed_as_it_stands_and_its_page_says_once_that_is_past(
    seller: Client, client: Client, dana: User
) -> None:
    quote = draft(dana)
    paper, pdf = f"{page(quote)}/paper", f"{page(quote)}/quote.pdf"
    assert "Make the PDF" in seller.get(page(quote)).text and seller.get(pdf).status_code == 404
    for _ in range(2):  # the second tab
        assert seller.post(paper).location == f"{page(quote)}#panel-paper"
    assert "is being made" in seller.get(paper, headers=FRAGMENT).text
    document = db.session.scalars(select(Document)).one()
    assert "no offer yet" in text_of(rendered(document))
    answer = seller.get(pdf)
    assert answer.headers["Content-Disposition"] == f'inline; filename="{quote.number}-v1.pdf"'
    assert seller.get(f"{pdf}?save").headers["Content-Disposition"].startswith("attachment")
    assert "It says what this page says." in seller.get(page(quote)).text
    quotes.submit(quote.id, by=dana)
    assert "This page has changed since." in seller.get(page(quote)).text
    assert seller.get(pdf).data == answer.data
    seller.post(paper)
    quotes.withdraw(quote.id, by=dana)  # what was printed first is true again, and is not rendered again
    assert "It says what this page says." in seller.get(page(quote)).text
    assert db.session.scalar(select(func.count(Document.id))) == 2
    with counted() as statements:
        assert seller.get(page(quote)).status_code == 200
    assert len(statements) <= 17
    client.sign_in(factories.user(Role.SALESPERSON))
    assert {client.get(pdf).status_code, client.get(paper).status_code, client.post(paper).status_code} == {404}
    client.sign_in(factories.user(Role.FULFILLMENT_OPERATIONS))
    assert {client.get(pdf).status_code, client.post(paper).status_code} == {403}


def test_every_event_of_a_quote_has_words() -> None:
    assert {str(event) for event in QuoteEvent} <= set(words.HISTORY)


def test_those_without_the_permission_are_refused(client: Client, dana: User) -> None:
    browser = client.sign_in(factories.user(Role.READ_ONLY))
    quote = draft(dana)
    assert browser.get(page(quote)).status_code == 200
    assert browser.get("/quotes/new").status_code == 403
    for action in ("submit", "approve", "convert", "revise", "withdraw", "discard", "reject"):
        assert browser.post(f"{page(quote)}/{action}").status_code == 403
