"""Freezing: one spelling, exact figures, no floats."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app.canonical import dumps, sha256
from app.commands.orders import order_papers, snapshots
from app.db import db, lock, transaction
from app.errors import Refusal
from app.models import Contact, Due, Instalment, SalesOrder, Snapshot, TermsText
from app.models.frozen import read
from app.money import Money
from app.queries.public.changes import compare
from tests import factories


def freeze(order: SalesOrder) -> Snapshot:
    with transaction() as session:
        held = lock(SalesOrder, order.id)
        return snapshots.freeze(held, session.get_one(Contact, held.contact_id))


def test_the_frozen_view_shows_what_the_order_adds_up_to(app: Flask) -> None:
    order = factories.order(deposit_percent="10")
    row = freeze(order)
    seen, totals = read(row.content), order.totals()
    assert (seen.net, seen.tax, seen.total) == (totals.net, totals.tax, totals.gross)
    assert [line.amount for line in seen.lines] == [line.amount("EUR") for line in order.lines]
    assert seen.due_now + seen.later[0].amount == seen.total
    assert seen.sha256 == row.sha256 == sha256(row.content)
    assert (seen.number, seen.edition, seen.customer.name) == (order.number, 1, order.account.name)


def test_recurring_lines_tell_what_each_period_and_the_whole_term_come_to(app: Flask) -> None:
    order = factories.order(
        lines=[factories.line(1), factories.licence(2, activation_date=date(2027, 2, 1)), factories.licence(3)],
        start_date=date(2027, 1, 1),
        term_months=24,
    )
    seen = read(freeze(order).content)
    (monthly,) = seen.recurring
    assert monthly.gross == Money(49000 + 9310, "EUR")
    assert monthly.starts_on == date(2027, 1, 1)
    assert seen.term_value == Money(seen.total.minor + 23 * monthly.gross.minor, "EUR")


def test_a_term_without_an_end_has_no_value(app: Flask) -> None:
    assert read(freeze(factories.order(term_months=None)).content).term_value is None


def test_equal_orders_are_spelled_alike_and_a_changed_one_is_not(app: Flask) -> None:
    order = factories.order()
    first, again = freeze(order), freeze(order)
    assert first.content == again.content
    with transaction():
        lock(SalesOrder, order.id).lines[0].quantity = Decimal("1.5")
    assert freeze(order).sha256 != first.sha256


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 1234), ("KWD", 1234500)])
def test_other_exponents_survive(app: Flask, currency: str, minor: int) -> None:
    customer = factories.account(currency=currency)
    line = factories.line(1, unit_price=Decimal("1234.5"), tax_rate=Decimal(0), discount_percent=Decimal("0.04"))
    seen = read(freeze(factories.order(customer=customer, lines=[line])).content)
    assert seen.total == Money(round(minor * 0.9996), currency)


def test_floats_are_refused_wherever_they_hide() -> None:
    with pytest.raises(TypeError, match="float"):
        dumps({"lines": [{"amount": 12.5}]})


def test_the_newest_terms_are_frozen_with_it(app: Flask) -> None:
    with transaction() as session:
        session.add_all([TermsText(version=1, body="Old"), TermsText(version=2, body="New")])
    assert read(freeze(factories.order()).content).conditions.body == "New"  # type: ignore[union-attr]


def test_what_is_marked_for_the_customer_is_frozen_with_it_and_nothing_else(app: Flask) -> None:
    order = factories.order()
    visible = order_papers.add_note(order.id, "Use gate 2.", visible=True, by=order.owner)
    order_papers.add_note(order.id, "Sold too cheaply.", visible=False, by=order.owner)
    plan = order_papers.add_file(order.id, "plan.txt", b"Ward A", visible=True, by=order.owner)
    order_papers.add_file(order.id, "margin.txt", b"31%", visible=False, by=order.owner)
    row = freeze(order)
    shared = read(row.content).shared
    assert [(n.id, n.author, n.body, n.written_at) for n in shared.notes] == [
        (visible.id, order.owner.name, "Use gate 2.", visible.created_at)
    ]
    assert [(f.filename, f.size, f.sha256) for f in shared.files] == [("plan.txt", 6, plan.sha256)]
    assert "cheaply" not in row.content and "margin" not in row.content


def test_another_note_for_the_customer_is_another_snapshot(app: Flask) -> None:
    order = factories.order()
    before = read(freeze(order).content)
    order_papers.add_note(order.id, "Internal.", visible=False, by=order.owner)
    assert freeze(order).sha256 == before.sha256
    order_papers.add_note(order.id, "Use gate 2.", visible=True, by=order.owner)
    after = read(freeze(order).content)
    assert after.sha256 != before.sha256
    assert compare(before, after) == ((f"Note by {order.owner.name}", "", "Use gate 2."),)


def test_a_snapshot_from_before_notes_were_bound_is_read_and_binds_none(app: Flask) -> None:
    content = json.loads(freeze(factories.order()).content)
    del content["shared"]
    assert not read(dumps(content | {"format": 1})).shared


def test_a_plan_that_asks_for_too_much_is_refused(app: Flask) -> None:
    order = factories.order()
    with transaction():
        lock(SalesOrder, order.id).instalments = [
            Instalment(position=1, amount=10_000_000, due=Due.SIGNATURE),
            Instalment(position=2, percent=Decimal(50), due=Due.DELIVERY),
        ]
    with pytest.raises(Refusal, match="plan_does_not_add_up"):
        freeze(order)


def test_the_database_keeps_it_from_change(app: Flask) -> None:
    row = freeze(factories.order())
    with pytest.raises(IntegrityError, match="append-only"), transaction():
        row.content = json.dumps({})
        db.session.flush()
