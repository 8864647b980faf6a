"""Conversion: one order per quote number, however often and however concurrently it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Engine, event, func, select, text

from app import db as house
from app.access import Role
from app.commands.quotes import conversion, quotes
from app.db import db, transaction
from app.errors import NotFound, Refusal
from app.models import Contact, History, Opportunity, OpportunityStage, SalesOrder, User
from app.models.quote import LINE_FACTS
from app.states.order import OrderStatus
from app.states.quote import QuoteStatus
from tests import factories
from tests.commands import quoting

THREADS = 20


def refused(code: str, act: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code
    return caught.value


def opportunity(customer_id: int, owner_id: int) -> Opportunity:
    with transaction() as session:
        row = Opportunity(account_id=customer_id, name="Clinic roll-out", owner_id=owner_id)
        session.add(row)
    return row


def test_everything_commercial_comes_along(app: Flask) -> None:
    seller, manager = quoting.people()
    customer = factories.account()
    chance = opportunity(customer.id, seller.id)
    written = quoting.content(customer, opportunity_id=chance.id)
    quote = quotes.create(written, by=seller)
    quotes.submit(quote.id, by=seller)
    quotes.approve(quote.id, by=manager)
    order = conversion.convert(quote.id, by=seller)
    assert (order.number, order.status) == ("SO-1001", OrderStatus.DRAFT)
    assert (order.quote_number, order.quote_version, order.quote_hash) == (quote.number, 1, quote.content_hash)
    assert all(getattr(order, fact) == getattr(quote, fact) for fact in conversion.CARRIED)
    assert [[getattr(x, f) for f in LINE_FACTS] for x in order.lines] == [
        [getattr(x, f) for f in LINE_FACTS] for x in quote.lines
    ]
    assert [(x.percent, x.due) for x in order.instalments] == [(x.percent, x.due) for x in quote.instalments]
    assert order.totals() == quote.totals()
    assert quote.status is QuoteStatus.CONVERTED
    assert chance.stage is OpportunityStage.WON


def test_both_histories_say_so(app: Flask) -> None:
    seller, manager = quoting.people()
    quote = quoting.approved(seller, manager)
    order = conversion.convert(quote.id, by=seller)
    last = db.session.scalars(select(History).order_by(History.id.desc()).limit(2)).all()
    said = {(row.entity, row.event): row for row in last}
    assert said["sales_order", "converted"].data == {"quote": quote.number, "version": 1}
    assert said["sales_order", "converted"].order_id == order.id
    assert said["quote", "convert"].data == {"order": order.number}


def test_asking_again_answers_with_the_same_order(app: Flask) -> None:
    seller, manager = quoting.people()
    quote = quoting.approved(seller, manager)
    first = conversion.convert(quote.id, by=seller)
    assert conversion.convert(quote.id, by=manager).id == first.id
    assert db.session.scalar(select(func.count(SalesOrder.id))) == 1


def test_a_later_version_of_a_converted_quote_is_answered_with_its_order(app: Flask) -> None:
    seller, manager = quoting.people()
    quote = quoting.approved(seller, manager)
    first = conversion.convert(quote.id, by=seller)
    revision = quotes.revise(quote.id, by=seller)
    quotes.submit(revision.id, by=seller)
    quotes.approve(revision.id, by=manager)
    assert conversion.convert(revision.id, by=seller).id == first.id
    assert conversion.convert(quote.id, by=seller).id == first.id


def test_each_refusal_by_its_name(app: Flask) -> None:
    seller, manager = quoting.people()
    draft = quotes.create(quoting.content(), by=seller)
    refused("not_approved", lambda: conversion.convert(draft.id, by=seller))
    quote = quoting.approved(seller, manager)
    revision = quotes.revise(quote.id, by=seller)
    refused("not_latest", lambda: conversion.convert(quote.id, by=seller))
    quotes.submit(revision.id, by=seller)
    quotes.approve(revision.id, by=manager)
    refused("superseded", lambda: conversion.convert(quote.id, by=seller))
    assert conversion.convert(revision.id, by=seller).quote_version == 2


def test_an_expired_quote_is_refused_before_the_job_has_run(app: Flask) -> None:
    seller, manager = quoting.people()
    with time_machine.travel("2026-11-21T10:00:00Z", tick=False):
        quote = quoting.approved(seller, manager, expires_on=date(2026, 12, 1))
    with time_machine.travel("2026-12-02T10:00:00Z", tick=False):
        assert quote.status is QuoteStatus.APPROVED
        refused("expired", lambda: conversion.convert(quote.id, by=seller))


def test_a_contact_of_another_account_is_refused(app: Flask) -> None:
    seller, manager = quoting.people()
    quote = quoting.approved(seller, manager)
    stranger = factories.account()
    with transaction() as session:
        session.get_one(Contact, quote.contact_id).account_id = stranger.id
    refused("account_mismatch", lambda: conversion.convert(quote.id, by=seller))
    assert db.session.scalar(select(SalesOrder.id)) is None


def test_who_may_not_convert_and_what_is_not_there(app: Flask) -> None:
    seller, manager = quoting.people()
    quote = quoting.approved(seller, manager)
    reader = factories.user(Role.READ_ONLY)
    refused("not_permitted", lambda: conversion.convert(quote.id, by=reader))
    with pytest.raises(NotFound):
        conversion.convert(999, by=seller)


def together(app: Flask, quote_ids: list[int], person_id: int) -> tuple[set[str], list[Exception]]:
    """Everybody asks at the same moment: the numbers they were told, and what went wrong."""
    told: set[str] = set()
    wrong: list[Exception] = []
    start = threading.Barrier(THREADS)

    def ask(quote_id: int) -> None:
        with app.app_context():
            person = db.session.get_one(User, person_id)
            house.end_read()
            start.wait(timeout=30)
            try:
                told.add(conversion.convert(quote_id, by=person).number)
            except Exception as error:
                wrong.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=ask, args=(quote_ids[i % len(quote_ids)],)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return told, wrong


def orders() -> int:
    return db.session.scalar(select(func.count(SalesOrder.id))) or 0


@pytest.mark.engines
def test_twenty_at_once_get_one_order(any_app: Flask) -> None:
    seller, manager = quoting.people()
    quote = quoting.approved(seller, manager)
    told, wrong = together(any_app, [quote.id], seller.id)
    assert (told, wrong, orders()) == ({"SO-1001"}, [], 1)


@pytest.mark.engines
def test_the_unique_number_holds_where_no_lock_is_shared(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the row lock PostgreSQL lets several in; the constraint lets one through and the others find it."""
    monkeypatch.setattr(conversion, "lock", unlocked)
    seller, manager = quoting.people()
    quote = quoting.approved(seller, manager)
    told, wrong = together(any_app, [quote.id], seller.id)
    assert (told, wrong, orders()) == ({"SO-1001"}, [], 1)


@pytest.mark.engines
def test_control_without_lock_and_constraint_it_goes_wrong(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch, deferred_writes: None
) -> None:
    seller, manager = quoting.people()
    quote = quoting.approved(seller, manager)
    if db.engine.dialect.name == "postgresql":
        with transaction() as session:
            session.execute(text("ALTER TABLE sales_order DROP CONSTRAINT uq_sales_order_quote_number"))
    monkeypatch.setattr(conversion, "lock", unlocked)
    told, wrong = together(any_app, [quote.id], seller.id)
    assert len(told) > 1 or wrong


def unlocked(model: type[Any], id: int) -> Any:
    return db.session.get(model, id, populate_existing=True)


@pytest.fixture
def deferred_writes() -> Iterator[None]:
    """SQLite as it is out of the box: a writer begins as a reader and asks for the lock too late."""

    def plain(connection: Any) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")

    event.remove(Engine, "begin", house._begin_sqlite)
    event.listen(Engine, "begin", plain)
    yield
    event.remove(Engine, "begin", plain)
    event.listen(Engine, "begin", house._begin_sqlite)
