"""The order page's statements say the same on both databases."""

from __future__ import annotations

import pytest
from flask import Flask

from app.access import Role
from app.commands.orders import approvals, order_papers
from app.commands.payments import collection
from app.commands.payments.charges import Instrument
from app.models import SalesOrder, User
from app.queries import search
from app.queries.orders import listing, page
from app.queries.orders.facts import Facts, load
from app.queries.orders.listing import Filter
from tests import factories


def busy_order(by: User) -> SalesOrder:
    """With a plan, a note, a file, mails, a decline, a payment and what follows from it."""
    order = factories.order(owner=by, deposit_percent="10")
    order_papers.add_note(order.id, "Ring first", visible=True, by=by)
    order_papers.add_file(order.id, "rows.csv", b"a;b\n", visible=False, by=by)
    approvals.submit(order.id, by=by)
    first = collection.prepare_first(order.id, by=by)
    for slug in ("insufficient-funds", "visa"):
        pay_with = Instrument(alias=f"sbx_card_{slug}_1229", label="Visa", save=True, consent_text="Ok.")
        collection.collect(first.id, pay_with=pay_with, form_key=slug, by=by)
    return order


@pytest.mark.engines
def test_page_list_and_search_read_the_same(any_app: Flask) -> None:
    dana = factories.user(Role.SALES_MANAGER)
    order = busy_order(dana)
    with any_app.test_request_context():
        facts: Facts = load(order.number, dana)
        view = page.view(facts)
        assert [str(step.amount.minor) for step in view.summary.plan] == ["4106", "36949"]
        assert view.payment.figures.captured.minor == 4106 and view.payment.status == "paid"
        assert [i.status for i in view.payment.invoices] == ["paid"] and view.payment.unapplied is None
        assert [m.verdict for m in view.rail.methods] == ["ready"]
        assert {"note", "file", "mail", "history"} == {e.kind for e in view.timeline.entries}
        kinds = [len(page.timeline.view(facts, kind).entries) for kind in ("note", "file")]
        assert kinds == [1, 1]
        for wanted in (Filter(), Filter(text="north"), Filter(tag="vip"), Filter(status="activated", sort="start")):
            assert len(listing.view(wanted, dana).rows) == (0 if wanted.tag else 1)
        assert [g.title for g in search.view("41.06", dana).groups] == ["Invoices", "Payment orders"]
        assert search.view(order.number, dana).exact is not None
