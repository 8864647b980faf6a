"""Ticks over many rows: one that breaks is logged, and the others are done all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
import time_machine
from flask import Flask
from rq.timeouts import JobTimeoutException
from sqlalchemy import select
from structlog.testing import capture_logs

from app import clock, jobs, settings
from app.commands.orders import activation, approvals, orders
from app.commands.payments import payment_links
from app.commands.quotes import quotes
from app.db import db
from app.models import PaymentIntent, Quote, SalesOrder, User
from app.states.intent import IntentStatus
from app.states.order import OrderStatus
from app.states.quote import QuoteStatus
from tests import factories
from tests.commands.collecting import booked, fresh, request, switch
from tests.commands.orders.test_approvals import sign
from tests.gateways.scripted import ScriptedGateway

Tick = Callable[[], int]


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user()


def breaking(monkeypatch: pytest.MonkeyPatch, module: ModuleType, work: str, broken: int) -> None:
    """What the tick does with the row of that id raises, inside its transaction."""
    real = getattr(module, work)

    def breaks(id: int, *more: Any) -> Any:
        if id == broken:
            db.session.execute(select(1))
            raise ZeroDivisionError("a row that nobody understands")
        return real(id, *more)

    monkeypatch.setattr(module, work, breaks)


def run(tick: Tick, what: str, broken: int, *, after: timedelta = timedelta()) -> int:
    """The tick, so much later; it must have told of the broken row."""
    with capture_logs() as logs, time_machine.travel(clock.now() + after):
        done = tick()
    assert [(x["event"], x["what"], x["id"]) for x in logs if x["log_level"] == "error"] == [
        ("sweep.broke", what, broken)
    ]
    return done


def test_a_link_that_breaks_lets_the_others_expire(
    gateway: ScriptedGateway, seller: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = booked(seller)
    for n in (1, 2, 3):
        payment_links.send(request(order, seller, key=f"r{n}", minor=1000 * n).id, form_key=f"s{n}", by=seller)
    bad, *good = db.session.scalars(
        select(PaymentIntent).where(PaymentIntent.status == IntentStatus.LIVE).order_by(PaymentIntent.id)
    )
    breaking(monkeypatch, payment_links, "_expire", bad.id)
    assert run(payment_links.expire_due, "payment_links.expire_due", bad.id, after=timedelta(days=31)) == 2
    assert [fresh(x).status for x in (bad, *good)] == [IntentStatus.LIVE, IntentStatus.EXPIRED, IntentStatus.EXPIRED]


def test_an_approval_that_breaks_lets_the_others_expire(seller: User, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, *good = submitted(seller)
    breaking(monkeypatch, orders, "_expire", bad.id)
    assert run(orders.expire_approvals, "orders.expire_approvals", bad.id, after=timedelta(days=15)) == 2
    assert [fresh(x).status for x in (bad, *good)] == [OrderStatus.AWAITING_APPROVAL] + [OrderStatus.DRAFT] * 2


def test_an_order_that_breaks_lets_the_others_start(
    gateway: ScriptedGateway, seller: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = clock.today(factories.ZONE) + timedelta(days=10)
    bad, *good = [booked(seller, start_date=start) for _ in range(3)]
    breaking(monkeypatch, activation, "_start", bad.id)
    assert run(activation.start_due, "activation.start_due", bad.id, after=timedelta(days=11)) == 2
    assert [fresh(x).status for x in (bad, *good)] == [OrderStatus.SCHEDULED] + [OrderStatus.ACTIVATED] * 2


def test_a_quote_that_breaks_lets_the_others_expire(seller: User, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, *good = [factories.quote(owner=seller, status=QuoteStatus.APPROVED) for _ in range(3)]
    breaking(monkeypatch, quotes, "_expire", bad.id)
    assert run(quotes.expire_due, "quotes.expire_due", bad.id, after=timedelta(days=31)) == 2
    stored = dict(db.session.execute(select(Quote.id, Quote.status)).tuples().all())
    assert [stored[x.id] for x in (bad, *good)] == [QuoteStatus.APPROVED] + [QuoteStatus.EXPIRED] * 2


def test_a_signed_order_that_breaks_lets_the_others_be_released(seller: User, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = [factories.order(owner=seller) for _ in range(3)]
    signed = [approvals.submit(x.id, by=seller) for x in waiting]
    for approval in signed:
        sign(approval)
    breaking(monkeypatch, approvals, "_release", signed[0].id)
    switch(settings.SALESPEOPLE_PAYMENT, False)
    assert run(approvals.release_due, "approvals.release", signed[0].id) == 2
    assert [fresh(x).status for x in waiting] == [OrderStatus.AWAITING_APPROVAL] + [OrderStatus.ACTIVATED] * 2


def submitted(seller: User) -> list[SalesOrder]:
    found = [factories.order(owner=seller) for _ in range(3)]
    for order in found:
        approvals.submit(order.id, by=seller)
    return found


def test_the_end_of_the_jobs_own_time_ends_the_sweep(app: Flask) -> None:
    def out_of_time(id: int) -> bool:
        raise JobTimeoutException("300 s")

    with pytest.raises(JobTimeoutException):
        jobs.each("anything", [1, 2], out_of_time)
