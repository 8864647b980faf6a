"""Linking what an order came without: once, to what is its own, and never to what another order stands on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.access import Role
from app.commands.orders import order_context
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.models import Opportunity, OpportunityStage, Quote, SalesOrder, User
from app.states.order import OrderStatus
from app.states.quote import QuoteStatus
from tests import factories
from tests.racing import race, refused


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


def bare(owner: User, **changes: Any) -> SalesOrder:
    """An order that came without quote and opportunity, as imports bring them."""
    order = factories.order(owner=owner)
    with transaction() as session:
        row = session.get_one(SalesOrder, order.id)
        for name in ("quote_id", "quote_number", "quote_version", "quote_hash", "opportunity_id"):
            setattr(row, name, None)
        for name, value in changes.items():
            setattr(row, name, value)
    return row


def quote_for(order: SalesOrder, **facts: Any) -> Quote:
    return factories.approved_quote(customer=order.account, **facts)


def opportunity_for(account_id: int, owner: User) -> Opportunity:
    with transaction() as session:
        row = Opportunity(account_id=account_id, name="Ward 7", owner_id=owner.id)
        session.add(row)
    return row


def refusal(code: str, act: Callable[[], Any]) -> None:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code


def test_a_quote_brings_its_opportunity_and_is_converted(boss: User) -> None:
    order = bare(boss)
    quote = quote_for(order)
    order = order_context.link_quote(order.id, quote.id, by=boss)
    assert (order.quote_number, order.quote_version, order.quote_hash) == (quote.number, 1, quote.content_hash)
    assert db.session.get_one(Quote, quote.id).status is QuoteStatus.CONVERTED
    if quote.opportunity_id is not None:
        assert order.opportunity_id == quote.opportunity_id
        assert db.session.get_one(Opportunity, quote.opportunity_id).stage is OpportunityStage.WON
    refusal("linked_already", lambda: order_context.link_quote(order.id, quote.id, by=boss))


def test_what_does_not_belong_is_refused_by_name(boss: User) -> None:
    order = bare(boss)
    refusal("foreign_account", lambda: order_context.link_quote(order.id, factories.approved_quote().id, by=boss))
    refusal(
        "not_approved",
        lambda: order_context.link_quote(order.id, factories.quote(customer=order.account).id, by=boss),
    )
    taken = quote_for(order)
    other = bare(boss, quote_number=taken.number)
    assert other.quote_number == taken.number
    refusal("already_converted", lambda: order_context.link_quote(order.id, taken.id, by=boss))
    stranger = opportunity_for(factories.account().id, boss)
    refusal("foreign_account", lambda: order_context.link_opportunity(order.id, stranger.id, by=boss))


def test_an_opportunity_alone_is_linked_and_won(boss: User) -> None:
    order = bare(boss)
    own = opportunity_for(order.account_id, boss)
    assert order_context.link_opportunity(order.id, own.id, by=boss).opportunity_id == own.id
    assert db.session.get_one(Opportunity, own.id).stage is OpportunityStage.WON
    assert order_context.link_opportunity(order.id, own.id, by=boss).opportunity_id == own.id
    other = opportunity_for(order.account_id, boss)
    refusal("linked_already", lambda: order_context.link_opportunity(order.id, other.id, by=boss))


def test_a_cancelled_order_is_left_alone(boss: User) -> None:
    order = bare(boss, status=OrderStatus.CANCELLED)
    refusal("closed", lambda: order_context.link_quote(order.id, quote_for(order).id, by=boss))


def test_only_those_who_edit_orders_link(boss: User) -> None:
    order = bare(boss)
    quote = quote_for(order)
    person = factories.user(Role.AR)
    refusal("not_permitted", lambda: order_context.link_quote(order.id, quote.id, by=person))


@pytest.mark.engines
def test_two_orders_that_want_one_quote_at_once_get_it_once(any_app: Flask) -> None:
    boss = factories.user(Role.ADMIN)
    one = bare(boss)
    other = bare(boss, account_id=one.account_id)
    quote, boss_id, ids = quote_for(one).id, boss.id, (one.id, other.id)
    end_read()

    def link(order_id: int) -> Callable[[], Any]:
        return lambda: order_context.link_quote(order_id, quote, by=db.session.get_one(User, boss_id))

    results = race(any_app, [link(order_id) for order_id in ids])
    assert refused(results) == ["already_converted"], results
