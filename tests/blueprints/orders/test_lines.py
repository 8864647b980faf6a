"""Editing the lines of a draft in place."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select

from app.access import Role
from app.commands.orders import approvals
from app.commands.payments import first_payments, payment_links
from app.db import db, transaction
from app.models import Actor, Document, History, IntentPurpose, OrderLine, PaymentIntent, SalesOrder, User
from app.states.intent import IntentStatus
from tests import factories
from tests.blueprints.orders.conftest import FRAGMENT, fresh, pay
from tests.conftest import Client


def form(order: SalesOrder, **changes: str) -> dict[str, str]:
    """The form as the page hands it out, with `changes` typed into it."""
    data = {"edition": str(order.edition)}
    for n, line in enumerate(order.lines):
        data |= {
            f"lines-{n}-line_id": str(line.id),
            f"lines-{n}-product_id": "",
            f"lines-{n}-description": line.description,
            f"lines-{n}-quantity": format(line.quantity.normalize(), "f"),
            f"lines-{n}-unit_price": format(line.unit_price.normalize(), "f"),
            f"lines-{n}-discount_percent": "",
            f"lines-{n}-routing": line.routing,
            f"lines-{n}-activation_date": "",
        }
    return data | changes


def test_a_saved_line_changes_everything_that_shows_it(browser_of_dana: Client, order: SalesOrder) -> None:
    answer = browser_of_dana.post(
        f"/orders/{order.number}/lines", data=form(order, **{"lines-0-quantity": "3"}), headers=FRAGMENT
    )
    assert answer.status_code == 200
    assert '<section id="panel-lines"' in answer.text and "€648.55" in answer.text
    for region in ("panel-summary", "order-head", "order-next", "panel-timeline", "panel-payment"):
        assert f'hx-target="#{region}"' in answer.text
    order = fresh(order)
    assert order.lines[0].quantity == 3 and order.edition == 2
    row = db.session.scalars(select(History).where(History.event == "lines_edited")).one()
    assert row.data["changes"] == [{"what": "Bedside terminal 1: quantity", "before": "1", "after": "3"}]
    assert db.session.scalars(select(Document)).one().order_id == order.id


def test_a_plain_browser_goes_back_to_the_page(browser_of_dana: Client, order: SalesOrder) -> None:
    answer = browser_of_dana.post(f"/orders/{order.number}/lines", data=form(order))
    assert answer.status_code == 303 and answer.location.endswith(f"/orders/{order.number}#panel-lines")
    assert fresh(order).edition == 1, "nothing changed, so nothing was edited"


def test_lines_are_added_removed_and_kept_in_order(browser_of_dana: Client, order: SalesOrder) -> None:
    product = factories.product(name="Wall mount", unit_price=Decimal("40"))
    data = form(order) | {
        "lines-0-quantity": "0",
        "lines-2-product_id": str(product.id),
        "lines-2-quantity": "2.5",
        "lines-2-unit_price": "39.9999",
        "lines-2-routing": "warehouse",
        "lines-3-routing": "warehouse",
    }
    assert browser_of_dana.post(f"/orders/{order.number}/lines", data=data).status_code == 303
    lines = fresh(order).lines
    assert [(x.position, x.description) for x in lines] == [(1, "Care desk licence"), (2, "Wall mount")]
    assert (lines[1].sku, lines[1].tax_rate, lines[1].unit_price) == (product.sku, 19, Decimal("39.9999"))


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("quantity", "-1", "Between 0 and"),
        ("quantity", "1.2345", "At most 3 decimals."),
        ("quantity", "many", "This is no number."),
        ("quantity", "", "Say how many."),
        ("unit_price", "1,50", "Write the number with a point"),
        ("discount_percent", "101", "Between 0 and 100."),
    ],
)
def test_what_cannot_be_saved_stays_typed_with_the_reason(
    browser_of_dana: Client, order: SalesOrder, field: str, typed: str, words: str
) -> None:
    answer = browser_of_dana.post(
        f"/orders/{order.number}/lines", data=form(order, **{f"lines-0-{field}": typed}), headers=FRAGMENT
    )
    assert answer.status_code == 422
    assert words in answer.text and f'value="{typed}"' in answer.text
    assert fresh(order).edition == 1


def test_a_new_line_needs_a_product(browser_of_dana: Client, order: SalesOrder) -> None:
    data = form(order) | {"lines-2-description": "Something", "lines-2-quantity": "1", "lines-2-unit_price": "1"}
    answer = browser_of_dana.post(f"/orders/{order.number}/lines", data=data | {"lines-2-routing": "digital"})
    assert answer.status_code == 422 and "Choose a product." in answer.text


def test_an_order_keeps_a_line(browser_of_dana: Client, order: SalesOrder) -> None:
    data = form(order, **{"lines-0-quantity": "0", "lines-1-quantity": "0"})
    answer = browser_of_dana.post(f"/orders/{order.number}/lines", data=data)
    assert answer.status_code == 422 and "An order needs at least one line." in answer.text


def test_a_stale_save_shows_both_versions_and_then_decides(browser_of_dana: Client, order: SalesOrder) -> None:
    mine = form(order, **{"lines-0-quantity": "7"})
    theirs = form(order, **{"lines-0-quantity": "5", "lines-1-quantity": "0"})
    assert browser_of_dana.post(f"/orders/{order.number}/lines", data=theirs).status_code == 303
    answer = browser_of_dana.post(f"/orders/{order.number}/lines", data=mine, headers=FRAGMENT)
    assert answer.status_code == 409
    assert "Somebody saved this before you." in answer.text and "Dana Reyes changed it" in answer.text
    assert "7 × €100.00" in answer.text and "5 × €100.00" in answer.text
    assert 'name="edition" type="hidden" value="2"' in answer.text
    assert fresh(order).lines[0].quantity == 5


def test_a_line_with_something_packed_is_locked(browser_of_dana: Client, order: SalesOrder) -> None:
    with transaction():
        db.session.get_one(OrderLine, order.lines[0].id).packed = Decimal(1)
    answer = browser_of_dana.post(f"/orders/{order.number}/lines", data=form(order, **{"lines-0-quantity": "2"}))
    assert answer.status_code == 409 and "is packed already" in answer.text
    assert browser_of_dana.post(f"/orders/{order.number}/lines", data=form(fresh(order))).status_code == 303


def test_only_drafts_are_edited(browser_of_dana: Client, order: SalesOrder, dana: User) -> None:
    approvals.submit(order.id, by=dana)
    refused = browser_of_dana.get(f"/orders/{order.number}/lines/edit")
    assert refused.status_code == 409 and "edited in draft only" in refused.text
    answer = browser_of_dana.post(f"/orders/{order.number}/lines", data=form(order))
    assert answer.status_code == 409 and "Convert it to draft first" in answer.text


def test_nothing_is_edited_under_a_payment(browser_of_dana: Client, order: SalesOrder, dana: User) -> None:
    pay(order, dana, "confirm", "3184")
    assert browser_of_dana.get(f"/orders/{order.number}/lines/edit").status_code == 409
    answer = browser_of_dana.post(f"/orders/{order.number}/lines", data=form(order, **{"lines-0-quantity": "2"}))
    assert answer.status_code == 409 and "A payment for this order is in progress" in answer.text


def test_an_edit_withdraws_what_was_asked_for_the_old_terms(
    browser_of_dana: Client, order: SalesOrder, dana: User
) -> None:
    with transaction():
        row = db.session.get_one(SalesOrder, order.id)
        first = first_payments.open_first(row, by=Actor.of(dana))
        assert first is not None
        payment_links.open_intent(first, IntentPurpose.LINK, first.created_at.replace(year=2099), by=Actor.of(dana))
    browser_of_dana.post(f"/orders/{order.number}/lines", data=form(order, **{"lines-0-quantity": "2"}))
    db.session.expire_all()
    assert db.session.scalars(select(PaymentIntent)).one().status is IntentStatus.CANCELLED


def test_whoever_may_not_edit_gets_no_form(client: Client, order: SalesOrder) -> None:
    client.sign_in(factories.user(Role.AR))
    assert client.get(f"/orders/{order.number}/lines/edit").status_code == 403
    assert client.post(f"/orders/{order.number}/lines", data=form(order)).status_code == 403
    assert "Edit lines" not in client.get(f"/orders/{order.number}/lines").text
