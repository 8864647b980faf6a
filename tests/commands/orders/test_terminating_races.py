"""Who terminates an order meets who charges a period of it, or pays by its link: one of them wins, on both databases.

The control shows what would be without the locks: money is taken for an order that ends beside it, uncredited.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Engine, event, select

from app import clock
from app import db as house
from app.access import Role
from app.commands.agreements import claiming
from app.commands.orders import terminating, termination
from app.commands.payments import charges, many_charges, payment_links
from app.commands.payments.charges import Instrument
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.models import SYSTEM, IntentPurpose, PaymentOrder, SalesOrder, User
from app.states.order import OrderStatus
from tests import factories, moves, plans
from tests.commands import collecting
from tests.commands.agreements.test_charging_races import begin_plainly
from tests.gateways.scripted import ScriptedGateway, every_account
from tests.racing import race

pytestmark = pytest.mark.engines

Call = Callable[[], Any]


@pytest.fixture
def gateway(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    return every_account(monkeypatch)


@pytest.fixture
def manager(gateway: ScriptedGateway) -> User:
    return factories.user(Role.ADMIN)


@pytest.fixture(params=["charge of a period", "pay link"])
def meeting(request: pytest.FixtureRequest, manager: User) -> Iterator[tuple[int, Call]]:
    """The order, and the payment that somebody else is about to make."""
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=True):
        customer = factories.account()
        card = Instrument(method_id=moves.card(customer).id)
        order = collecting.booked(manager, deposit="10", pay_with=card, customer=customer)
        made = _by_link(order, manager) if request.param == "pay link" else _by_schedule(order)
    end_read()
    with time_machine.travel("2027-02-28 11:00:00+00:00", tick=True):
        yield order.id, made


def _by_link(order: SalesOrder, manager: User) -> Call:
    asked = collecting.request(order, manager)
    with transaction() as session:
        until = clock.now() + timedelta(days=60)
        row = session.get_one(PaymentOrder, asked.id)
        intent_id = payment_links.open_intent(row, IntentPurpose.LINK, until, by=SYSTEM).id

    def pay() -> int:
        card = Instrument(alias="card-ok", label="Visa ending 4242")
        charges.execute(charges.start(intent_id, pay_with=card, form_key="pay", by=SYSTEM).id)
        return 1

    return pay


def _by_schedule(order: SalesOrder) -> Call:
    payment_id = plans.payments(plans.of_order(order.id))[0].id

    def collect() -> int:
        claimed = claiming.claim([payment_id])
        many_charges.execute(claimed.attempts)
        return len(claimed.payments)

    return collect


def ends(order_id: int, by: User) -> Call:
    """As it was seen a moment ago."""
    user_id, seal = by.id, termination.foresee(order_id, {}).seal
    end_read()

    def call() -> int:
        me = db.session.get_one(User, user_id)
        terminating.terminate(order_id, delivered={}, seen=seal, because="Closed", form_key="end", by=me)
        return 1

    return call


def winners(results: list[Any]) -> list[bool]:
    return [r == 1 for r in results]


def test_one_of_them_wins(any_app: Flask, manager: User, meeting: tuple[int, Call]) -> None:
    order_id, pays = meeting
    results = race(any_app, [pays, ends(order_id, manager)])
    assert not [r for r in results if isinstance(r, Exception) and not isinstance(r, Refusal)], results
    assert sum(winners(results)) == 1, results
    status = db.session.scalar(select(SalesOrder.status).where(SalesOrder.id == order_id))
    assert (status is OrderStatus.CANCELLED) is winners(results)[1]
    assert plans.broken() == []


def test_control_without_locks_both_win(
    any_app: Flask, manager: User, meeting: tuple[int, Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, pays = meeting
    call, looked, paid, look = ends(order_id, manager), threading.Event(), threading.Event(), termination.foresee

    def slowly(*args: Any) -> Any:
        found = look(*args)
        looked.set()
        paid.wait(10)
        return found

    def pay_then() -> Any:
        looked.wait(10)
        try:
            return pays()
        finally:
            paid.set()

    def unheld(model: type[Any], id: int) -> Any:
        return db.session.get_one(model, id, populate_existing=True)

    def all_unheld(model: type[Any], ids: Iterable[int]) -> list[Any]:
        return []

    monkeypatch.setattr(terminating, "lock", unheld)
    monkeypatch.setattr(terminating, "lock_all", all_unheld)
    monkeypatch.setattr(termination, "foresee", slowly)
    event.remove(Engine, "begin", house._begin_sqlite)
    event.listen(Engine, "begin", begin_plainly)
    try:
        results = race(any_app, [pay_then, call])
    finally:
        event.remove(Engine, "begin", begin_plainly)
        event.listen(Engine, "begin", house._begin_sqlite)
    broke = [r for r in results if isinstance(r, Exception) and not isinstance(r, Refusal)]
    assert winners(results) == [True, True] or broke, results
