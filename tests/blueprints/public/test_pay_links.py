"""Behind a payment link: what it asks for, what becomes of it, and its papers."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app import jobs
from app.access import Role
from app.commands.payments import order_requests, payment_links
from app.db import db, transaction
from app.models import (
    SYSTEM,
    Attempt,
    CollectionMethod,
    OrderLine,
    Transaction,
)
from app.money import Money
from app.states.intent import IntentStatus
from tests import factories
from tests.blueprints.public.customer import (
    VISA,
    address,
    hidden,
    payment,
)
from tests.commands.collecting import booked, request
from tests.conftest import Client


@pytest.fixture
def link(client: Client) -> str:
    """A payment link for 50.00 of an order that is otherwise paid on delivery."""
    manager = factories.user(Role.SALES_MANAGER)
    order = factories.order(owner=manager, deposit_percent="0")
    row = order_requests.create(
        order.id,
        amount=Money(5000, "EUR"),
        purpose="Deposit for the roll-out",
        due_date=None,
        collection=CollectionMethod.PAYMENT_LINK,
        contact_id=None,
        form_key="make",
        by=manager,
    )
    payment_links.send(row.id, form_key="send", by=manager)
    return address("pay", payment_links.live_intent(row.id).public_id)  # type: ignore[union-attr]


def test_a_payment_link_says_what_for_and_takes_the_money_once(client: Client, link: str) -> None:
    page = client.get(link)
    assert "€50.00" in page.text and "Deposit for the roll-out" in page.text
    fields = hidden(page) | payment(VISA)
    for _ in range(2):
        assert client.post(link, data=fields).location == link
    page = client.get(link)
    assert page.status_code == 200 and "Paid. Nothing more to pay." in page.text and "R-00001" in page.text
    assert db.session.query(Transaction).count() == 1


def test_a_payment_link_lists_the_lines_it_asks_for(client: Client) -> None:
    manager = factories.user(Role.SALES_MANAGER)
    order = booked(manager)
    row = request(order, manager, minor=29_155, line_ids=[order.lines[1].id])
    payment_links.send(row.id, form_key="send", by=manager)
    link = address("pay", payment_links.live_intent(row.id).public_id)  # type: ignore[union-attr]
    page = client.get(link).text
    assert "10 × Care desk licence" in page and "Bedside terminal" not in page and page.count("€291.55") > 1
    with transaction() as session:
        session.get_one(OrderLine, order.lines[1].id).order.lines.pop()
    assert client.get(link).status_code == 200


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (IntentStatus.EXPIRED, "This link has expired."),
        (IntentStatus.REVOKED, "This link was withdrawn by the sender."),
        (IntentStatus.SUPERSEDED, "There is a newer version of this."),
        (IntentStatus.CANCELLED, "This order was cancelled."),
    ],
)
def test_each_dead_link_explains_itself_and_takes_nothing(
    client: Client, link: str, status: IntentStatus, words: str
) -> None:
    from app.models import PaymentIntent
    from app.states.intent import EDGES

    event = next(event for (start, event), end in EDGES.items() if end is status and start is IntentStatus.LIVE)
    fields = hidden(client.get(link)) | payment(VISA)
    with transaction() as session:
        session.scalars(select(PaymentIntent)).one().transition(event, by=SYSTEM)
    page = client.get(link)
    assert page.status_code == 410 and words in page.text
    assert client.post(link, data=fields).location == link
    assert db.session.query(Attempt).count() == 0


def test_the_papers_open_with_the_link_and_only_with_it(client: Client, link: str) -> None:
    client.post(link, data=hidden(client.get(link)) | payment(VISA))
    assert client.get(f"{link}/documents/receipt").status_code == 404
    jobs.run_due()
    paper = client.get(f"{link}/documents/receipt")
    assert paper.status_code == 200 and paper.data.startswith(b"%PDF")
    assert client.get(f"{link}/documents/signed_order").status_code == 404
    assert client.get("/pay/nothing/documents/receipt").status_code == 410
