"""A newer approved version flows into an order that can still be changed, and into no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from msgspec.structs import replace
from sqlalchemy import select

from app.access import Role
from app.commands.orders import approvals
from app.commands.quotes import conversion, quote_content, quote_sync, quotes
from app.commands.quotes.quote_content import InstalmentContent, LineContent
from app.commands.receivables import offline
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.models import Actor, Approval, History, Opportunity, PaymentIntent, Quote, SalesOrder, User
from app.models.quote import LINE_FACTS
from app.queries import invariants, ledger
from app.states.approval import ApprovalStatus
from app.states.intent import IntentStatus
from app.states.order import OrderEvent, OrderStatus
from app.states.quote import QuoteStatus
from tests import factories, ledgers
from tests.commands import quoting
from tests.commands.collecting import request


def refused(code: str, act: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code
    return caught.value


@pytest.fixture
def people(app: Flask) -> tuple[User, User]:
    return quoting.people()


@pytest.fixture
def order(people: tuple[User, User]) -> SalesOrder:
    seller, manager = people
    customer = factories.account()
    with transaction() as session:
        chance = Opportunity(account_id=customer.id, name="Clinic roll-out", owner_id=seller.id)
        session.add(chance)
    quote = quoting.approved(seller, manager, customer, opportunity_id=chance.id)
    return conversion.convert(quote.id, by=seller)


def next_version(order: SalesOrder, people: tuple[User, User]) -> Quote:
    """Three terminals in place of two, no licences, all at signature."""
    seller, manager = people
    quote = quotes.revise(order.quote_id, by=seller)  # type: ignore[arg-type]
    old = quote_content.read(quote)
    line: LineContent = replace(old.lines[0], quantity=Decimal(3))
    plan = (InstalmentContent(percent=Decimal(100)),)
    quotes.edit(quote.id, replace(old, lines=(line,), instalments=plan, term_months=36), edition=1, by=seller)
    quotes.submit(quote.id, by=seller)
    return quotes.approve(quote.id, by=manager)


def test_a_draft_order_takes_over_what_the_newer_version_says(order: SalesOrder, people: tuple[User, User]) -> None:
    quote = next_version(order, people)
    synced = quote_sync.sync(quote.id, by=people[0])
    assert synced.id == order.id
    assert (synced.quote_id, synced.quote_version, synced.quote_hash) == (quote.id, 2, quote.content_hash)
    assert [[getattr(x, f) for f in LINE_FACTS] for x in synced.lines] == [
        [getattr(x, f) for f in LINE_FACTS] for x in quote.lines
    ]
    assert (synced.term_months, synced.edition, synced.totals()) == (36, 2, quote.totals())
    assert [x.percent for x in synced.instalments] == [100]
    assert quote.status is QuoteStatus.CONVERTED


def test_every_difference_is_recorded(order: SalesOrder, people: tuple[User, User]) -> None:
    quote_sync.sync(next_version(order, people).id, by=people[0])
    row = db.session.scalars(select(History).where(History.event == "synced")).one()
    assert [c["what"] for c in row.data["changes"]] == ["Term in months", "Line 1", "Payment plan", "Line 2"]
    assert row.data["changes"][0] == {"what": "Term in months", "before": "24", "after": "36"}
    assert row.data["changes"][1]["after"].endswith("3 × 100")


def test_asking_again_changes_nothing(order: SalesOrder, people: tuple[User, User]) -> None:
    quote = next_version(order, people)
    quote_sync.sync(quote.id, by=people[0])
    assert quote_sync.sync(quote.id, by=people[0]).edition == 2


def test_what_asks_for_the_rest_of_a_part_asks_for_no_more_than_the_newer_version_comes_to(
    order: SalesOrder, people: tuple[User, User]
) -> None:
    boss, clerk = factories.user(Role.ADMIN), ledgers.clerk()
    row = request(order, boss, minor=37_068)
    offline.for_payment_order(row.id, ledgers.came(10_000), form_key=ledgers.key(), by=clerk)
    quote_sync.sync(next_version(order, people).id, by=people[0])
    assert order.totals().gross.minor == 35_700
    assert ledger.figures([row.id])[row.id].balance == 25_700
    end_read()
    assert invariants.broken(grace=timedelta(0)) == []


def test_an_order_with_its_customer_comes_back_first_and_its_link_dies(
    order: SalesOrder, people: tuple[User, User]
) -> None:
    approval_id = approvals.submit(order.id, by=people[1]).id
    quote_sync.sync(next_version(order, people).id, by=people[0])
    db.session.expire_all()
    assert order.status is OrderStatus.DRAFT
    assert db.session.get_one(Approval, approval_id).status is ApprovalStatus.REVOKED
    assert db.session.scalar(select(PaymentIntent.id).where(PaymentIntent.status == IntentStatus.LIVE)) is None


def test_what_is_booked_is_left_alone(order: SalesOrder, people: tuple[User, User]) -> None:
    quote = next_version(order, people)
    with transaction() as session:
        row = session.get_one(SalesOrder, order.id)
        row.transition(OrderEvent.BOOK, by=Actor.of(people[1]))
    refused("order_too_far", lambda: quote_sync.sync(quote.id, by=people[0]))
    assert (order.quote_version, quote.status) == (1, QuoteStatus.APPROVED)


def test_what_is_no_order_or_not_approved_is_refused(people: tuple[User, User], order: SalesOrder) -> None:
    seller, manager = people
    alone = quoting.approved(seller, manager)
    refused("no_order", lambda: quote_sync.sync(alone.id, by=seller))
    draft = quotes.revise(order.quote_id, by=seller)  # type: ignore[arg-type]
    refused("not_approved", lambda: quote_sync.sync(draft.id, by=seller))
    refused("not_permitted", lambda: quote_sync.sync(draft.id, by=factories.user(Role.READ_ONLY)))
